"""Links to a client's page and the sessions they start: once, in time, for one service, never stored in clear."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.actions import client_sessions, clients, orders, tokens
from engine.actions.client_sessions import LinkRefused, create_link, enter, leave, visit_of
from engine.actions.orders import OrderForm
from engine.audit import Actor
from engine.checked import checked
from engine.clock import now_ms
from engine.errors import Forbidden, NotFound, Refused
from engine.forms import ClientForm
from engine.queries import inventory
from engine.queries.scoping import need_service
from engine.roles import Role
from engine.store.database import in_transaction, session
from engine.store.models import Audit, ClientSession, Service
from engine.store.settings import Retention
from engine.work import retention
from kvmtui.api.settings import ApiSettings
from tests.api.conftest import ADMIN, Api, make_ready, site, token
from tests.api.conftest import api as api
from tests.api.conftest import serve as serve
from tests.conftest import Ran, Store

HERE = "198.51.100.4"


@pytest.fixture
def services(store: Store) -> Store:
    """Two services of two clients."""
    order_two()
    return store


def order_two() -> None:
    site()
    clients.create_client(ClientForm(name="Rival", email="ops@rival.example"), ADMIN)
    for number, client in ((10, "Acme"), (20, "Rival")):
        orders.order(OrderForm(id=number, client=client, product="VPS-2"), ADMIN)
        make_ready(number)


def why(secret: str) -> str:
    with pytest.raises(LinkRefused) as refused:
        enter(secret, HERE)
    return refused.value.why.value


def expire(**values: int) -> None:
    in_transaction(ClientSession.update(**values).execute)


def test_a_link_opens_once_and_starts_a_session_of_its_service(services: Store) -> None:
    link = create_link(ADMIN, 10)
    assert 59_000 < link.expires_at - now_ms() <= 60_000
    visit, cookie = enter(link.secret, HERE)
    assert (visit.service_id, visit.view, visit.actor.role) == (10, False, Role.OPERATOR)
    assert why(link.secret) == "used" and why("x" * 43) == why("") == "unknown"
    found = visit_of(cookie, HERE)
    assert found is not None and found.service_id == 10 and found.csrf == visit.csrf
    for wrong in ("", "x", link.secret, cookie + "x", cookie[:-1]):
        assert visit_of(wrong, HERE) is None


def test_an_expired_link_does_not_open(services: Store) -> None:
    link = create_link(ADMIN, 10)
    expire(expires_at=now_ms() - 1)
    assert why(link.secret) == "expired"


def test_only_one_of_many_who_open_a_link_at_once_gets_in(services: Store) -> None:
    link = create_link(ADMIN, 10)

    def opened(_: int) -> bool:
        try:
            return bool(enter(link.secret, HERE))
        except LinkRefused as refused:
            return refused.why != "used"

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(opened, range(6))) == [False] * 5 + [True]


def test_a_session_ends_when_idle_when_old_with_its_service_and_when_left(services: Store) -> None:
    def entered() -> tuple[client_sessions.Visit, str]:
        return enter(create_link(ADMIN, 10).secret, HERE)

    _, cookie = entered()
    expire(expires_at=now_ms() - 1)
    assert visit_of(cookie, HERE) is None
    _, cookie = entered()
    expire(entered_at=now_ms() - client_sessions.LONGEST_MS)
    assert visit_of(cookie, HERE) is None
    visit, cookie = entered()
    leave(visit)
    assert visit_of(cookie, HERE) is None
    _, cookie = entered()
    late = create_link(ADMIN, 10)
    assert visit_of(cookie, HERE) is not None
    in_transaction(Service.update(status="Terminated").where(Service.id == 10).execute)
    assert visit_of(cookie, HERE) is None and why(late.secret) == "ended"
    with pytest.raises(Refused, match="Terminated"):
        create_link(ADMIN, 10)


def test_using_a_session_prolongs_it_and_polling_does_not(services: Store) -> None:
    _, cookie = enter(create_link(ADMIN, 10).secret, HERE)
    soon, before = now_ms() + 60_000, now_ms() - 120_000
    expire(expires_at=soon, seen_at=before)
    assert visit_of(cookie, HERE, used=False) is not None
    with session():
        assert ClientSession.get().expires_at == soon
    assert visit_of(cookie, HERE) is not None
    with session():
        row = ClientSession.get()
        assert row.expires_at - now_ms() > 29 * 60_000 and row.seen_at > before


def test_its_actor_sees_nothing_but_the_service(services: Store) -> None:
    visit, _ = enter(create_link(ADMIN, 10).secret, HERE)
    scope = visit.actor.scope
    need_service(scope, 10)
    with pytest.raises(NotFound):
        need_service(scope, 20)
    assert [each.name for each in inventory.clients(scope)] == ["Acme"]
    assert [each.name for each in inventory.products(scope)] == ["VPS-2"]
    assert not scope.sees(1, 1)
    viewer, _ = enter(create_link(ADMIN, 10, view=True).secret, HERE)
    assert viewer.view and viewer.actor.role is Role.VIEWER


def test_only_hashes_are_stored_and_every_link_and_entry_is_audited(services: Store) -> None:
    link = create_link(ADMIN, 10)
    visit, cookie = enter(link.secret, HERE)
    assert cookie not in repr(visit) and link.secret not in repr(link)
    if services.kind == "sqlite":
        with sqlite3.connect(services.url.removeprefix("sqlite://")) as database:
            dump = "\n".join(database.iterdump())
        assert not [each for each in (link.secret, cookie, visit.csrf) if each in dump]
    with session():
        rows = [(row.login, row.action, row.object_id) for row in Audit.select().order_by(Audit.id)][-2:]
    assert rows == [("admin", "client-link", "10"), ("client:10", "client-enter", "10")]


@pytest.mark.parametrize("end", [tokens.revoke, tokens.rotate])
def test_revoking_or_rotating_a_token_ends_the_sessions_it_opened(
    services: Store, end: Callable[[Actor, str], object]
) -> None:
    made = tokens.create(ADMIN, "shop", Role.SUPPORT)
    shop = tokens.authenticate(made.secret, HERE)
    _, cookie = enter(create_link(shop, 10).secret, HERE)
    _, other = enter(create_link(ADMIN, 10).secret, HERE)
    waiting = create_link(shop, 10)
    end(ADMIN, "shop")
    assert visit_of(cookie, HERE) is None and visit_of(other, HERE) is not None
    assert why(waiting.secret) == "ended"


def test_expired_rows_are_deleted_after_a_day(services: Store) -> None:
    kept = next(each for each in retention.TABLES if each.table == "client_session")
    for _ in range(3):
        create_link(ADMIN, 10)
    with session():
        first, second, _ = [row.id for row in ClientSession.select().order_by(ClientSession.id)]
        ClientSession.update(expires_at=now_ms() - 25 * 3_600_000).where(ClientSession.id == first).execute()
        ClientSession.update(expires_at=now_ms() - 23 * 3_600_000).where(ClientSession.id == second).execute()
    assert retention.delete_old(kept, Retention(), lambda: True) == 1
    with session():
        assert ClientSession.get_or_none(ClientSession.id == first) is None
        assert ClientSession.select().count() == 2


def test_a_viewer_gets_no_link(services: Store) -> None:
    with pytest.raises(Forbidden, match="needs the role support"):
        create_link(Actor("anna", role=Role.VIEWER), 10)


def test_the_api_answers_a_link_that_begins_with_the_address_it_listens_on(api: Api) -> None:
    order_two()
    made = api.ok("POST", "/api/v1/services/10/session", 201)
    assert made["url"].startswith(f"{api.server.url}/client/enter/") and set(made) == {"url", "expires"}
    again = api.ok("POST", "/api/v1/services/10/session", 201, json={"view": True, "reason": "look"})
    assert again["url"] != made["url"]
    with session():
        assert [row.view for row in ClientSession.select().order_by(ClientSession.id)] == [False, True]
        assert Audit.select().order_by(Audit.id.desc()).get().reason == "look"
    assert api.problem("POST", "/api/v1/services/99/session", 404)["detail"] == "Service 99 not found."


def test_the_api_answers_a_link_of_its_public_url(serve: Callable[..., Api]) -> None:
    api = serve(public_url="https://Panel.example.com/")
    order_two()
    made = api.ok("POST", "/api/v1/services/10/session", 201)
    assert made["url"].startswith("https://panel.example.com/client/enter/")


def test_a_token_needs_support_and_its_scope(serve: Callable[..., Api]) -> None:
    support = serve(token("shop", Role.SUPPORT, clients=()))
    order_two()
    support.ok("POST", "/api/v1/services/10/session", 201)
    viewer = serve(token("viewer", Role.VIEWER))
    viewer.problem("POST", "/api/v1/services/10/session", 403)
    limited = serve(token("acme", Role.SUPPORT, clients=("Acme",)))
    limited.ok("POST", "/api/v1/services/10/session", 201)
    refused = limited.problem("POST", "/api/v1/services/20/session", 404)
    assert refused["detail"] == "Service 20 not found."


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("ftp://panel.example.com", "scheme, host and port alone"),
        ("https://panel.example.com/sub", "scheme, host and port alone"),
        ("https://panel.example.com@evil.example", "scheme, host and port alone"),
        ("http://panel.example.com", "use https"),
    ],
)
def test_a_public_url_that_cannot_be_used_is_refused(given: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        checked(ApiSettings, {"public_url": given})


def test_links_need_a_host() -> None:
    settings = ApiSettings(behind_proxy=True)
    assert settings.client_url() == "http://127.0.0.1:8460"
    assert settings.client_url("[::1]:9") == "http://[::1]:9"
    with pytest.raises(Refused, match="Set public_url"):
        settings.client_url("0.0.0.0:8460")


def test_the_command_line_prints_a_link(home: Path, kvmtui: Callable[..., Ran]) -> None:
    (home / "config.toml").write_text('[api]\npublic_url = "https://panel.example.com"\n')
    (home / "config.toml").chmod(0o600)
    assert kvmtui("service", "link", "10").exit == 2
    manifest = home / "site.yaml"
    manifest.write_text(
        "servers: [{name: pve, hosts: [127.0.0.1], port: 9, token_id: 'kvmtui@pve!console', token_secret: c, "
        "tls: {insecure: true}}]\nproducts: [{name: VPS-2, server: pve, template: 9000}]\n"
        "clients: [{name: Acme, email: ops@acme.example}]\nservices: [{id: 10, client: Acme, product: VPS-2}]\n"
    )
    manifest.chmod(0o600)
    assert kvmtui("apply", str(manifest)).exit == 0
    plain = kvmtui("service", "link", "10")
    assert plain.exit == 0 and plain.stdout.startswith("https://panel.example.com/client/enter/")
    assert "opens once" in plain.stderr
    found = json.loads(kvmtui("service", "link", "10", "--view", "--json").stdout)
    assert set(found) == {"service_id", "url", "expires"} and found["service_id"] == 10
    assert kvmtui("--read-only", "service", "link", "10").exit == 2
