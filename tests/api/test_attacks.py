"""Bad input and attacks: each with its code, and nothing changed."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from engine.actions import tokens
from engine.attempts import Attempts
from engine.roles import Role
from engine.store.models import Answered, ApiToken, Audit, Event, Request, Service, Vm
from kvmtui.api import gate, serving
from tests.api.conftest import ADMIN, Api, make_ready, site, token

ORDER = {"client": "Acme", "product": "VPS-2"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """No address has tried wrong tokens yet."""
    monkeypatch.setattr(tokens, "_tries", Attempts(most=10, window_s=60))


@pytest.fixture
def unchanged(api: Api) -> Iterator[Api]:
    """A site with one ready service that is the same afterwards, in every table a write could reach."""
    site()
    number = api.ok("POST", "/api/v1/services", json=ORDER)["request"]["service_id"]
    assert number == 1
    make_ready(number)
    before = everything()
    yield api
    assert everything() == before


def named(found: dict[str, Any]) -> list[str]:
    """The fields a problem names; none for a NUL, which is refused before anything is read."""
    return [each["path"] for each in found.get("errors", ())]


def everything() -> list[Any]:
    tables = (Service, Vm, Request, Audit, Answered, Event)
    return [list(table.select().order_by(table.id).dicts()) for table in tables]


def raw(api: Api, text: bytes, wait: float = 10.0) -> bytes:
    """What the server answers to these bytes."""
    address = urlsplit(api.server.url)
    with socket.create_connection((address.hostname, address.port), timeout=wait) as connection:
        connection.sendall(text)
        parts = []
        try:
            while part := connection.recv(65536):
                parts.append(part)
                if b"\r\n\r\n" in b"".join(parts) and b"content-length" in b"".join(parts).lower():
                    break
        except TimeoutError:
            pass
    return b"".join(parts)


@pytest.mark.parametrize("header", ["", "Bearer", "Basic YTpi", "Bearer kvt_wrong", "kvt_x", "Bearer é"])
def test_no_or_a_wrong_token(unchanged: Api, header: str) -> None:
    headers = {"Authorization": header.encode("utf-8")} if header else {}
    del unchanged.http.headers["Authorization"]
    for method, path in (("GET", "/api/v1/services"), ("POST", "/api/v1/services/1/terminate")):
        found = unchanged.problem(method, path, 401, headers=headers)
        assert "items" not in found and "kvt_wrong" not in str(found)


@pytest.mark.parametrize(
    "path", ["services/nonsense", "services?limit=0", "services?lmit=1", "requests/1?wait=x"]
)
def test_only_a_caller_with_a_token_learns_what_is_wrong_with_a_read(api: Api, path: str) -> None:
    for headers in ({"Authorization": ""}, {"Authorization": f"Bearer {tokens.new_secret()}"}):
        found = api.problem("GET", f"/api/v1/{path}", 401, headers=headers)
        assert "errors" not in found
    small = token("metrics", Role.METRICS)
    api.problem("GET", f"/api/v1/{path}", 403, headers={"Authorization": f"Bearer {small}"})
    assert api.problem("GET", f"/api/v1/{path}", 422)["errors"]


def test_a_token_is_refused_from_the_moment_it_is_revoked_or_rotated(api: Api) -> None:
    made = {name: tokens.create(ADMIN, name, Role.OWNER).secret for name in ("revoked", "rotated")}
    headers = {name: {"Authorization": f"Bearer {secret}"} for name, secret in made.items()}
    for each in headers.values():
        assert api.get("/api/v1/services", headers=each).status_code == 200
    tokens.revoke(ADMIN, "revoked")
    tokens.rotate(ADMIN, "rotated")
    for each in headers.values():
        for method, path in (("GET", "services"), ("GET", "requests/1"), ("POST", "services")):
            api.problem(
                method, f"/api/v1/{path}", 401, headers=each, json=ORDER if method == "POST" else None
            )


def test_expired_and_revoked_tokens_read_like_unknown_ones(api: Api) -> None:
    expired, revoked = (tokens.create(ADMIN, name, Role.OWNER) for name in ("expired", "revoked"))
    ApiToken.update(expires_at=1).where(ApiToken.name == "expired").execute()
    ApiToken.update(revoked_at=1).where(ApiToken.name == "revoked").execute()
    before = everything()
    said = {
        api.problem("GET", "/api/v1/vms", 401, headers={"Authorization": f"Bearer {secret}"})["detail"]
        for secret in (expired.secret, revoked.secret, tokens.new_secret())
    }
    assert len(said) == 1 and everything() == before


def test_ten_wrong_tokens_lock_an_address_out_for_a_minute(unchanged: Api) -> None:
    for _ in range(10):
        unchanged.problem("GET", "/api/v1/vms", 401, headers={"Authorization": "Bearer kvt_wrong"})
    answer = unchanged.http.get("/api/v1/vms", headers={"Authorization": "Bearer kvt_wrong"})
    assert answer.status_code == 429 and 1 <= int(answer.headers["retry-after"]) <= 60


@pytest.mark.parametrize(
    ("role", "method", "path", "body"),
    [
        (Role.VIEWER, "POST", "/api/v1/services/1/vm/start", None),
        (Role.VIEWER, "PATCH", "/api/v1/services/1", {"notes": "x"}),
        (Role.SUPPORT, "POST", "/api/v1/services/1/suspend", None),
        (Role.SUPPORT, "POST", "/api/v1/services/1/terminate", None),
        (Role.SUPPORT, "PATCH", "/api/v1/services/1", {"external_ref": "x"}),
        (Role.SUPPORT, "PATCH", "/api/v1/services/1", {"options": {"cores": 8}}),
        (Role.SUPPORT, "POST", "/api/v1/clients", {"name": "Bolt", "email": "a@bolt.example"}),
        (Role.VIEWER, "POST", "/api/v1/services/1/vm/console", None),
        (Role.METRICS, "GET", "/api/v1/services", None),
    ],
)
def test_a_role_that_is_too_small(
    serve: Callable[..., Api], role: Role, method: str, path: str, body: Any
) -> None:
    site()
    owner = serve()
    owner.ok("POST", "/api/v1/services", json=ORDER)
    make_ready(1)
    small = serve(token("small", role))
    before = everything()
    assert "needs the role" in small.problem(method, path, 403, json=body)["detail"]
    assert everything() == before


@pytest.mark.parametrize(
    ("body", "path", "said"),
    [
        ('{"client": "Acme", "product": "VPS-2", "option": {}}', "option", "Did you mean 'options'?"),
        ('{"client": "Acme", "product": "VPS-2", "options": {"core": 4}}', "options.core", "'cores'"),
        (
            '{"client": "Acme", "product": "VPS-2", "options": {"cores": "4"}}',
            "options.cores",
            "whole number",
        ),
        (
            '{"client": "Acme", "product": "VPS-2", "options": {"cores": true}}',
            "options.cores",
            "whole number",
        ),
        ('{"client": "Acme", "product": "VPS-2", "options": {"cores": 1e99}}', "options.cores", ""),
        ('{"client": "Acme", "client": "Other", "product": "VPS-2"}', "client", "given twice"),
        ('{"client": "Ac\\u0000me", "product": "VPS-2"}', "client", "NUL"),
        ('{"client": "Ac\\ud800me", "product": "VPS-2"}', "client", "surrogate"),
        ('{"client": "Acme"}', "product", "missing"),
        ("[]", "", "The body must be a JSON object."),
        ('\ufeff{"client": "Acme"}', "", "byte order mark"),
        pytest.param(f'{{"client": {"9" * 5000}}}', "", "number with too many digits", id="digits"),
        ('{"client": ["Acme"], "product": "VPS-2"}', "client", "text"),
        ('{"client": "Acme", "product": "VPS-2", "id": NaN}', "", "NaN"),
        ('{"client": "Acme", "product": "VPS-2", "id": -1}', "id", "1 or more"),
        ('{"client": "Acme", "product": "VPS-2", "id": 99999999999999999999999}', "id", ""),
        ("[" * 5000 + "]" * 5000, "", "nested deeper"),
        ("[" * 40 + "]" * 40, "", "nested deeper"),
        ('{"a":' * 900 + "1" + "}" * 900, "", "nested deeper"),
        ("null", "", "object"),
        ("{", "", "not JSON"),
        ("", "", "object"),
    ],
)
def test_a_body_that_is_wrong(unchanged: Api, body: str, path: str, said: str) -> None:
    found = unchanged.problem("POST", "/api/v1/services", 422, content=body.encode(), headers=JSON)
    assert found["errors"][0]["path"] == path and said in found["errors"][0]["detail"], found


def test_a_body_that_is_not_text(unchanged: Api) -> None:
    found = unchanged.problem("POST", "/api/v1/services", 422, content=b'{"client": "\xff"}', headers=JSON)
    assert "UTF-8" in str(found), found
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    unchanged.problem("POST", "/api/v1/services", 415, content=b"client=Acme", headers=form)


def test_large_bodies_with_and_without_their_length(unchanged: Api) -> None:
    large = b'{"client": "' + b"a" * (10 * 1024 * 1024) + b'"}'
    unchanged.problem("POST", "/api/v1/services", 413, content=large[: gate.LARGEST + 1], headers=JSON)

    def parts() -> Iterator[bytes]:
        yield b'{"client": "'
        for _ in range(20):
            yield b"a" * 65536

    unchanged.problem("POST", "/api/v1/services", 413, content=parts(), headers=JSON)
    head = b"POST /api/v1/services HTTP/1.1\r\nHost: x\r\nContent-Length: 10485760\r\n\r\n"
    assert b" 413 " in raw(unchanged, head)[:20]  # refused before it is sent


def test_slow_clients_are_cut_off(unchanged: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "BODY_SECONDS", 0.5)
    head = f"POST /api/v1/services HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {unchanged.token}\r\n"
    said = raw(unchanged, head.encode() + b'Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{"cl')
    assert b" 408 " in said[:20]


def test_a_connection_without_a_request_is_closed(
    sqlite_store: Any, monkeypatch: pytest.MonkeyPatch, serve: Callable[..., Api]
) -> None:
    monkeypatch.setattr(serving, "_HEADERS_S", 0.5)
    api = serve()
    began = time.monotonic()
    assert raw(api, b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\nX-Slow: ") == b""
    assert time.monotonic() - began < 9


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 4\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Content-Length: +4\r\n",
        b"Content-Length : 4\r\n",
        b"Host: y\r\n",
        b"X-A: b\r\n X-Folded: c\r\nContent-Length: 0\r\nContent-Length: 7\r\n",
        b"X-Nul: a\x00b\r\n",
    ],
)
def test_smuggled_headers(unchanged: Api, head: bytes) -> None:
    inner = b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n\r\n"
    token_line = f"Authorization: Bearer {unchanged.token}\r\n".encode()
    start = b"POST /api/v1/services/1/terminate HTTP/1.1\r\nHost: x\r\n"
    said = raw(unchanged, start + token_line + head + b"\r\n0\r\n\r\n" + inner)
    assert said.split(b" ", 2)[1] in (b"400", b"501"), said[:100]
    assert said.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/docs/../../../../etc/passwd",
        "/api/v1/docs/..%2f..%2fsettings.py",
        "/api/v1/docs/%2e%2e/app.py",
        "/api/v1/docs//etc/passwd",
        "/api/v1/docs/page.html%00.js",
        "/api/v1/products/..%2f..%2fservers",
    ],
)
def test_paths_do_not_leave_the_api(unchanged: Api, path: str) -> None:
    said = raw(unchanged, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert (
        said.split(b" ", 2)[1] in (b"404", b"401", b"422") and b"root:" not in said and b"import" not in said
    )


@pytest.mark.parametrize(
    "path",
    ["services/0", "services/-1", "services/x", "services/99999999999", "requests/1.5", "services/1%00"],
)
def test_numbers_that_are_none(unchanged: Api, path: str) -> None:
    found = unchanged.problem("GET", f"/api/v1/{path}", 422)
    assert named(found) == ([] if "%00" in path else ["id"])


@pytest.mark.parametrize("query", ["q=%ff", "q=%ed%a0%80"])
def test_queries_that_are_not_text(unchanged: Api, query: str) -> None:
    assert unchanged.get(f"/api/v1/vms?{query}").status_code in (200, 422)


@pytest.mark.parametrize(
    "path",
    [
        "vms?q=%00",
        "vms?state=x",
        "vms?q=is:nothing",
        "vms?q=ip:nothing",
        "audit?q=colour:red",
        "audit?q=since:yesterday",
        "audit?q=until:9999-12-31",
    ],
)
def test_queries_that_cannot_be_answered(unchanged: Api, path: str) -> None:
    found = unchanged.problem("GET", f"/api/v1/{path}", 422)
    assert named(found) == ([] if "%00" in path else [path.partition("?")[2].partition("=")[0]])


@pytest.mark.parametrize(
    ("method", "path", "name", "said"),
    [
        ("GET", "services?statsu=Active", "statsu", "unknown parameter. Did you mean 'status'?"),
        ("GET", "services/1/vm/snapshots?zzz=1", "zzz", "unknown parameter."),
        ("GET", "vms?limit=1&limit=2", "limit", "is given twice."),
        ("POST", "services/1/terminate?pln=true", "pln", "unknown parameter. Did you mean 'plan'?"),
        ("POST", "services/1/terminate?plan=false&plan=true", "plan", "is given twice."),
        ("POST", "services/1/suspend?plan=true", "plan", "unknown parameter."),
    ],
)
def test_a_parameter_that_the_path_does_not_take(
    unchanged: Api, method: str, path: str, name: str, said: str
) -> None:
    found = unchanged.problem(method, f"/api/v1/{path}", 422)
    assert found["errors"] == [{"path": name, "detail": said}]


def test_keys_that_are_none(unchanged: Api) -> None:
    for key in ("", "a b", "é", "k" * 256):
        headers = {"Idempotency-Key": key.encode("latin-1")}
        found = unchanged.problem("POST", "/api/v1/services", 422, json=ORDER, headers=headers)
        assert "Idempotency-Key" in str(found), found


def test_pages_of_others_may_not_call_unless_they_are_listed(serve: Callable[..., Api]) -> None:
    closed = serve()
    ask = {"Origin": "https://shop.example.com", "Access-Control-Request-Method": "GET"}
    answer = closed.http.options("/api/v1/services", headers=ask)
    assert answer.status_code == 405 and not [each for each in answer.headers if "access-control" in each]
    assert "access-control-allow-origin" not in closed.get("/api/v1/health", headers=ask).headers
    opened = serve(cors=["https://shop.example.com"])
    assert opened.http.options("/api/v1/services", headers=ask).headers["access-control-allow-origin"]
    other = {**ask, "Origin": "https://evil.example.com"}
    assert "access-control-allow-origin" not in opened.get("/api/v1/health", headers=other).headers


def test_no_token_and_no_made_up_line_is_in_the_log(
    unchanged: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("kvmtui.api.operations.reading.inventory.products", lambda *_: 1 / 0)
    unchanged.problem("GET", "/api/v1/products", 500)
    unchanged.get("/api/v1/services?q=%0a2026-01-01 INFO forged%0d")
    unchanged.get("/nothing%0aforged")
    unchanged.problem("GET", "/api/v1/vms", 401, headers={"Authorization": "Bearer kvt_guessed-by-somebody"})
    assert "ZeroDivisionError" in caplog.text and "forged" in caplog.text
    assert unchanged.token not in caplog.text and "kvt_guessed" not in caplog.text
    assert not [record for record in caplog.records if "\n" in record.getMessage()]


def test_an_unexpected_error_reveals_nothing(unchanged: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kvmtui.api.operations.reading.inventory.products", lambda *_: {}["secret-key"])
    answer = unchanged.get("/api/v1/products")
    assert answer.status_code == 500 and "secret-key" not in answer.text and "Traceback" not in answer.text


def test_an_address_is_taken_from_listed_proxies_only(serve: Callable[..., Api]) -> None:
    site()
    forged = {"X-Forwarded-For": "203.0.113.7, 198.51.100.9"}
    plain = serve()
    plain.ok("POST", "/api/v1/services", json=ORDER, headers=forged)
    assert Audit.select().order_by(Audit.id.desc()).first().ssh_client == "127.0.0.1"
    proxied = serve(proxies=["127.0.0.1/32"])
    proxied.ok("POST", "/api/v1/services", json=ORDER, headers=forged)
    assert Audit.select().order_by(Audit.id.desc()).first().ssh_client == "198.51.100.9"
