"""An example of every error, for the schema: its sentence and its faults."""

from __future__ import annotations

from engine.forms.faults import Fault

ERRORS: dict[int, tuple[str, list[Fault]]] = {
    400: (
        "The request states its length more than once. Send Content-Length or Transfer-Encoding.",
        [],
    ),
    401: (
        "Send a token: Authorization: Bearer kvt_…. Create one with: kvmtui token create NAME",
        [],
    ),
    403: ("The role viewer may not suspend services. Ask an owner for the role operator.", []),
    404: ("Service 5547 not found.", []),
    408: ("The body was not received within 30 s.", []),
    409: ("Service 5546 is Terminated; its product cannot be changed.", []),
    412: (
        "The record was changed: its revision is 0b7e1a6a2f0c4d11, not 6f1ed002ab559585. Read it again, then retry.",
        [],
    ),
    413: ("The body is larger than 1024 KiB.", []),
    415: ("The body must be JSON. Send it with Content-Type: application/json.", []),
    422: (
        "options.core: unknown key. Did you mean 'cores'?",
        [Fault(("options", "core"), "unknown key. Did you mean 'cores'?")],
    ),
    429: ("This token sent more than 200 requests per second. Retry in a second.", []),
    502: ("Cannot reach pve-waw1 (10.0.0.11:8006): connection refused. Check that pveproxy is running.", []),
    503: ("Too many requests are being worked on. Retry in a second.", []),
    504: (
        "The request did not end within 30 s. It may still take effect: retry it with the same Idempotency-Key.",
        [],
    ),
}
