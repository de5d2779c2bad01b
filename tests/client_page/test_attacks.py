"""What somebody with a link, a cookie or nothing may try, and how it ends."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from engine.actions.client_requests import VERBS
from engine.clock import now_ms
from engine.store.database import in_transaction, session
from engine.store.models import Address, Client, ClientSession, Product, Request, Service, Vm
from kvmtui.api.client_page.sections import SECTIONS
from tests.api.conftest import Api
from tests.api.conftest import api as api
from tests.api.conftest import serve as serve
from tests.client_page.test_links import order_two
from tests.client_page.visitor import COOKIE, Visitor, parsed

MARKUP = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@pytest.fixture
def site(api: Api) -> Api:
    """An API server over the services 10 of Acme and 20 of Rival; their cluster does not answer."""
    order_two()
    return api


def link(api: Api, service: int = 10, **body: bool) -> str:
    return str(api.ok("POST", f"/api/v1/services/{service}/session", 201, json=body)["url"])


def visit(api: Api, service: int = 10, **body: bool) -> Visitor:
    visitor = Visitor(api.server.url)
    assert visitor.enter(link(api, service, **body)).status_code == 200
    return visitor


def fields(visitor: Visitor, **more: Any) -> list[tuple[str, str]]:
    """What every form carries."""
    csrf = visitor.page().forms[0].value("csrf")
    base = {"csrf": csrf, "nonce": secrets.token_urlsafe(16), "back": "overview", "sure": "yes"} | more
    return [(name, str(value)) for name, value in base.items()]


def requested() -> list[tuple[int, str]]:
    with session():
        return [(row.service, row.action) for row in Request.select().where(Request.source == "client")]


def test_a_link_sets_a_strict_cookie_and_continues_from_the_page(site: Api) -> None:
    visitor = Visitor(site.server.url)
    answer = visitor.enter(link(site))
    given = answer.headers["set-cookie"]
    assert given.startswith(f"{COOKIE}=") and len(visitor.cookie) >= 43
    assert {"httponly", "secure", "samesite=strict", "path=/"} <= {
        each.strip().lower() for each in given.split(";")
    }
    assert answer.status_code == 200 and 'http-equiv="refresh" content="0;url=/client/"' in answer.text
    assert visitor.cookie not in answer.text
    assert visitor.get().status_code == 200


def test_the_cookie_of_a_page_with_tls_cannot_be_set_by_another_host(serve: Callable[..., Api]) -> None:
    api = serve(public_url="https://panel.example.com")
    order_two()
    path = link(api).removeprefix("https://panel.example.com")
    answer = httpx.get(
        api.server.url + path, headers={"host": "panel.example.com"}, trust_env=False, verify=False
    )
    assert answer.headers["set-cookie"].startswith(f"__Host-{COOKIE}=")


def test_links_that_do_not_open(site: Api) -> None:
    visitor, url = Visitor(site.server.url), link(site)
    assert httpx.head(url, trust_env=False, verify=False).status_code == 405
    assert (
        httpx.get(url, headers={"sec-purpose": "prefetch"}, trust_env=False, verify=False).status_code == 204
    )
    assert visitor.enter(url).status_code == 200
    used = visitor.enter(url)
    assert used.status_code == 410 and "set-cookie" not in used.headers and "already used" in used.text
    late = link(site)
    in_transaction(
        ClientSession.update(expires_at=now_ms() - 1).where(ClientSession.entered_at.is_null()).execute
    )
    gone = httpx.get(late, headers={"accept-language": "de-AT,de;q=0.9"}, trust_env=False, verify=False)
    assert gone.status_code == 410 and "abgelaufen" in gone.text
    for guess in ("x", "0" * 43, "..%2f..%2fetc", "%3Cscript%3E"):
        answer = httpx.get(f"{site.server.url}/client/enter/{guess}", trust_env=False, verify=False)
        assert answer.status_code in (403, 404) and "<script" not in answer.text


def test_nothing_opens_without_a_session(site: Api) -> None:
    nobody = Visitor(site.server.url)
    for cookie in ("", "x", "0" * 43, "0" * 5000, "' OR 1=1 --"):
        nobody.cookie = cookie
        for section in ("", *SECTIONS):
            answer = nobody.get(section)
            assert answer.status_code in (403, 404, 431), (cookie, section)
            assert "Acme" not in answer.text and "vm-10" not in answer.text
    two = visit(site)
    both = {"cookie": f"{COOKIE}={two.cookie}; {COOKIE}=planted"}
    assert (
        httpx.get(f"{site.server.url}/client/", headers=both, trust_env=False, verify=False).status_code
        == 403
    )


def test_a_stolen_cookie_reaches_its_own_service_and_no_other(site: Api) -> None:
    thief = visit(site)
    for path in ("", "network", "?service=20", "20", "../services/20", "network?id=20&service_id=20"):
        answer = thief.get(path)
        assert "vm-20" not in answer.text and "Rival" not in answer.text
    for method, path in (("GET", "/api/v1/services/20"), ("POST", "/api/v1/services/20/suspend")):
        answer = thief.http.request(method, path, headers={"cookie": f"{COOKIE}={thief.cookie}"})
        assert answer.status_code == 401
    bearer = thief.http.get("/api/v1/services/10", headers={"authorization": f"Bearer {thief.cookie}"})
    assert bearer.status_code == 401


def test_another_services_names_in_every_field_do_nothing(site: Api) -> None:
    with session():
        vm = Vm.get(Vm.service == 20)
        Address.create(
            vm=vm,
            address="192.0.2.20",
            prefix=24,
            gateway="192.0.2.1",
            state="assigned",
            bridge="vmbr0",
            server=vm.server,
        )
    client = visit(site)
    theirs = {
        "name": "vm-20", "backup": "backup:backup/vzdump-qemu-2020-2026_04_10-03_00_00.vma.zst", "iso": "iso:iso/x.iso",
        "template": "9999", "address": "192.0.2.20", "service": "20", "service_id": "20", "id": "20", "vmid": "2020",
    }  # fmt: skip
    for verb in VERBS:
        answer = client.post(f"do/{verb}", fields(client, **theirs))
        assert answer.status_code in (303, 403, 409, 422, 502), (verb, answer.status_code)
        assert "vm-20" not in answer.text and "2020" not in answer.text
        with session():
            Request.update(state="done", ended_at=now_ms()).execute()
    assert {service for service, _ in requested()} <= {10}
    assert not {action for _, action in requested()} & {"Set DNS records", "Reinstall", "MountIso", "Restore"}
    with session():
        assert Address.get().rdns == ""


@pytest.mark.parametrize("csrf", ["", "wrong", "of another session", "missing", "twice"])
def test_a_form_without_the_right_token_is_refused(site: Api, csrf: str) -> None:
    client, other = visit(site), visit(site)
    given = dict(fields(client))
    right, foreign = given.pop("csrf"), dict(fields(other))["csrf"]
    sent = list(given.items())
    if csrf == "twice":
        sent = [("csrf", "wrong"), ("csrf", right), *sent]
    elif csrf != "missing":
        sent.append(("csrf", foreign if csrf.startswith("of") else csrf))
    for path in ("do/stop", "password", "console", "language", "leave"):
        assert client.post(path, [*sent, ("language", "de")]).status_code == 403, path
    assert requested() == [] and client.get().status_code == 200


def test_a_form_from_another_site_is_refused_even_with_the_token(site: Api) -> None:
    client = visit(site)
    for kind in ("cross-site", "same-site", "none"):
        assert client.post("do/stop", fields(client), sec_fetch_site=kind).status_code == 403
    for kind in ("text/plain", "multipart/form-data", "application/json"):
        assert client.post("do/stop", fields(client), content_type=kind).status_code == 415
    assert requested() == []
    assert client.post("do/stop", fields(client), sec_fetch_site="same-origin").status_code == 303


def test_reading_changes_nothing(site: Api) -> None:
    client = visit(site)
    for path in ("do/stop", "password", "console", "language", "leave"):
        assert client.get(path).status_code in (404, 405), path
    assert requested() == [] and client.get().status_code == 200


def test_every_answer_forbids_frames_scripts_of_others_and_storing(site: Api) -> None:
    client, url = visit(site), link(site)
    answers = [client.get(path) for path in ("", "network", "nothing", "page.css?v=1", "enter/x")]
    answers += [client.http.get(url), client.post("do/nothing", fields(client)), client.post("do/stop", [])]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy and "base-uri 'none'" in policy and "form-action 'self'" in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        kept = answer.headers["cache-control"]
        assert kept == "no-store" or answer.headers["content-type"].startswith("text/css")
        assert "access-control-allow-origin" not in answer.headers
        assert not re.findall(r"<[^>]+\s(?:style|on\w+)=", answer.text) and "<style" not in answer.text
        assert not re.findall(r"<script(?![^>]*src=)", answer.text)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1:1",
        "x@127.0.0.1",
        "panel.example.com",
        "[",
        "",
        "localhost:x",
    ],
)
def test_another_host_is_answered_nothing(site: Api, host: str) -> None:
    client, url = visit(site), link(site)
    answer = client.get("", host=host)
    assert answer.status_code in (400, 421) and "vm-10" not in answer.text
    assert client.http.get(url, headers={"host": host}).status_code in (400, 421)
    assert client.http.get(url).status_code == 200, "the link was used up"


def test_its_own_names_are_answered(serve: Callable[..., Api]) -> None:
    api = serve(public_url="https://panel.example.com")
    order_two()
    port = api.server.url.rpartition(":")[2]
    for host in ("panel.example.com", "PANEL.example.com", "panel.example.com:443", f"localhost:{port}"):
        answer = httpx.get(f"{api.server.url}/client/", headers={"host": host}, trust_env=False, verify=False)
        assert answer.status_code == 403, host
    for host in ("panel.example.com:80", "panel.example.com:8460", "a.panel.example.com"):
        answer = httpx.get(f"{api.server.url}/client/", headers={"host": host}, trust_env=False, verify=False)
        assert answer.status_code == 421, host


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "../api",
        "x\r\nSet-Cookie: a=b",
    ],
)
def test_it_leads_nowhere_else(site: Api, back: str) -> None:
    client = visit(site)
    for path, more in (("language", {"language": "de"}), ("do/stop", {})):
        answer = client.post(path, fields(client, back=back, **more))
        assert answer.status_code in (303, 422)
        assert answer.headers.get("location", "/client/") == "/client/" and "a=b" not in str(answer.headers)
    for query in ("?next=https://evil.example", "?back=//evil.example", "/https://evil.example"):
        assert "evil" not in client.get(query).headers.get("location", "")


def test_markup_in_foreign_text_is_text(site: Api) -> None:
    client = visit(site)
    with session():
        vm = Vm.get(Vm.service == 10)
        Vm.update(name=MARKUP, domain="", error="", template=MARKUP).where(Vm.service == 10).execute()
        Address.create(
            vm=vm,
            address="192.0.2.1",
            prefix=24,
            gateway="192.0.2.2",
            state="assigned",
            bridge="vmbr0",
            server=vm.server,
            rdns=MARKUP,
        )
        Client.update(name=MARKUP, notes=MARKUP).where(Client.name == "Acme").execute()
        Service.update(notes=MARKUP).execute()
        spec = {**Product.get_by_id(1).spec, "iso_storage": "iso", "offered_templates": [MARKUP]}
        Product.update(name=MARKUP, spec=spec).where(Product.id == 1).execute()
    shown = 0
    for section in ("", *(each for each in SECTIONS if each != "overview")):
        answer = client.get(section)
        assert answer.status_code == 200, section
        assert "<script>alert" not in answer.text and "<img" not in answer.text
        found = parsed(answer.text)
        assert not [each for each in found.attributes if each[1].startswith("on") or each[0] == "img"]
        shown += any(MARKUP in each for each in found.text) + any(
            MARKUP in each[2] for each in found.attributes
        )
    assert shown > 7
    answer = client.post("do/snapshot-create", fields(client, name=MARKUP))
    assert answer.status_code in (409, 422, 502) and MARKUP not in answer.text
    assert client.post("language", fields(client, language=MARKUP)).status_code == 422
    assert MARKUP not in client.get(f"charts?span={MARKUP}").text


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ([("name", "x")] * 40, 422),
        ([("name", "a"), ("name", "b")], 422),
        ([("name", "x" * 600)], 422),
        ([("name", "x\0y")], 422),
        ([("name", "x\r\ny")], 422),
        ([("nonce", "short")], 403),
    ],
)
def test_twisted_forms_are_refused(site: Api, sent: list[tuple[str, str]], status: int) -> None:
    client = visit(site)
    base = [] if sent[0][0] == "nonce" else fields(client)
    assert client.post("do/snapshot-create", base + sent).status_code == status
    nonce = [(key, "short" if key == "nonce" else value) for key, value in fields(client)]
    assert client.post("do/stop", nonce).status_code == 422
    assert requested() == []


def test_what_destroys_data_needs_its_confirmation(site: Api) -> None:
    client = visit(site)
    for verb in (
        "stop",
        "reinstall",
        "snapshot-rollback",
        "snapshot-delete",
        "backup-restore",
        "backup-delete",
    ):
        unsure = [(name, value) for name, value in fields(client) if name != "sure"]
        assert client.post(f"do/{verb}", unsure).status_code == 422
    assert requested() == []


def test_signing_out_ends_the_session(site: Api) -> None:
    client = visit(site)
    answer = client.post("leave", fields(client))
    assert answer.status_code == 200 and "signed out" in answer.text
    assert (
        f"{COOKIE}=" in answer.headers["set-cookie"] and "max-age=0" in answer.headers["set-cookie"].lower()
    )
    assert client.get().status_code == 403


def test_the_log_has_no_secret(site: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "kvmtui.api.access")
    url = link(site)
    client = Visitor(site.server.url)
    client.enter(url)
    client.get()
    assert url.rpartition("/")[2] not in caplog.text and client.cookie not in caplog.text
    assert "/client/enter/..." in caplog.text and "token client:10" in caplog.text
