"""The rules for what the HTTP layer of Proxmox VE says: logins, privileges, forwarding between nodes."""

from __future__ import annotations

from .fault_rule import FaultKind, by_status

READ_FIRST = "It may have taken effect; the state is read before anything is sent again."
_CERTIFICATE = r"certificate verify failed|SSL routines"
_NO_EMPTY_PATH = r"Permission check failed \(\s*,"
_BAD_PARAMETERS = "Proxmox does not accept these parameters; the request has to change."

STATUS_RULES = (
    by_status(
        "ticket_refused",
        FaultKind.AUTH,
        "The ticket of this console has expired; open the console again.",
        401,
        words="invalid PVEVNC ticket",
    ),
    by_status(
        "login_refused",
        FaultKind.AUTH,
        "Check the token or password of the server, and that it has not expired.",
        401,
    ),
    by_status(
        "needs_ticket",
        FaultKind.PERMANENT,
        "This call does not accept API tokens; it needs a login with a password.",
        403,
        words="not available with API token",
    ),
    by_status(
        "no_pool",
        FaultKind.PERMANENT,
        "The resource pool is missing; create it in Proxmox or choose another.",
        403,
        words=r"pool '[^']*' does not exist",
    ),
    by_status("bad_parameters", FaultKind.PERMANENT, _BAD_PARAMETERS, 403, words=_NO_EMPTY_PATH),
    by_status(
        "no_privilege",
        FaultKind.PERMANENT,
        "The login lacks this privilege; `kvmtui doctor` prints the pveum command that grants it.",
        403,
    ),
    by_status(
        "node_certificate",
        FaultKind.PERMANENT,
        "The nodes distrust each other's certificate: run `pvecm updatecerts`, and name nodes without domain.",
        596,
        words=_CERTIFICATE,
    ),
    by_status(
        "daemon_down",
        FaultKind.TRANSIENT,
        "pveproxy reached, pvedaemon is not answering (for another node: its pveproxy). "
        "Check `systemctl status pvedaemon pveproxy` on the node.",
        595,
        words="Connection refused",
    ),
    by_status(
        "node_unreachable",
        FaultKind.TRANSIENT,
        "The node is down, or the other nodes cannot reach it; nothing was sent to it.",
        595,
    ),
    by_status(
        "forward_broken", FaultKind.AMBIGUOUS, READ_FIRST, 596, 597, 598, 599, reading=FaultKind.TRANSIENT
    ),
    by_status("too_many_requests", FaultKind.BUSY, "Something in front of Proxmox limits requests.", 429),
    by_status("gateway", FaultKind.AMBIGUOUS, READ_FIRST, 502, 503, 504, reading=FaultKind.TRANSIENT),
    by_status(
        "bad_parameters",
        FaultKind.PERMANENT,
        _BAD_PARAMETERS,
        501,
        words=r"for data too large|Unexpected content for method|chunked transfer encoding",
    ),
    by_status(
        "not_implemented",
        FaultKind.PERMANENT,
        "This version of Proxmox VE does not know the call.",
        501,
        506,
    ),
    by_status(
        "not_proxmox",
        FaultKind.PERMANENT,
        "This does not look like the API of Proxmox VE; check host and port.",
        301,
        302,
        303,
        304,
        307,
        308,
        404,
        405,
    ),
)
BAD_REQUEST = by_status("bad_parameters", FaultKind.PERMANENT, _BAD_PARAMETERS, 400)
