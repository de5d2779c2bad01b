"""Messages are written in the transaction of what they tell, for the endpoints that want them and may see it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.actions import services, tokens, webhooks
from engine.audit import Actor
from engine.clock import now_ms
from engine.errors import Forbidden, NotFound, Refused
from engine.forms import ServiceForm, checked
from engine.queries.attention import needs
from engine.queries.webhooks import deliveries
from engine.queries.webhooks import webhooks as all_webhooks
from engine.roles import Role
from engine.scope import Scope
from engine.store import sealed, secrets
from engine.store.database import in_transaction, session, transaction
from engine.store.models import Client, Product, Server, Setting, Traffic, Webhook, WebhookDelivery
from engine.webhooks import expiring, months
from engine.webhooks.catalog import SUCCEEDED, TYPES
from engine.work import servers
from tests.webhooks.conftest import OWNER, Site, add

URL = "https://shop.example/hooks"


def types_written(webhook: int = 1) -> list[str]:
    """The types written for an endpoint, in order."""
    return [each.type for each in reversed(deliveries(webhook, limit=1000))]


def test_the_end_of_each_run_is_reported_with_the_service(site: Site) -> None:
    webhooks.create(OWNER, URL)
    for action in SUCCEEDED:
        site.run(action)
    site.run("Start")
    assert types_written() == list(SUCCEEDED.values())
    message = json.loads(deliveries(1)[0].body)
    assert set(message) == {"type", "timestamp", "data"} and message["timestamp"].endswith("Z")
    assert message["data"] == {
        "service_id": site.service,
        "client": "Acme",
        "product": "VPS",
        "status": "Active",
        "vm": {"name": f"vm-{site.service}", "vmid": 2000 + site.service, "node": "", "vm_status": "ready"},
    }


def test_a_stuck_vm_is_reported_once_until_it_recovers(site: Site) -> None:
    webhooks.create(OWNER, URL)
    for _ in range(3):
        site.run("Deploy", "error", "no free address")
    assert types_written() == ["vm.stuck"]
    assert json.loads(deliveries(1)[0].body)["data"]["error"] == "no free address"
    site.run("Deploy")
    assert types_written() == ["vm.stuck", "vm.recovered", "vm.ready"]
    site.run("Deploy")
    assert types_written() == ["vm.stuck", "vm.recovered", "vm.ready", "vm.ready"]
    site.run("Backup", "error", "storage full")
    assert types_written()[-1] == "backup.failed"
    site.run("Start", "error", "")  # a command that failed is over: the VM is not stuck
    assert types_written()[-1] == "backup.failed"


def test_what_is_rolled_back_is_not_reported(site: Site) -> None:
    webhooks.create(OWNER, URL)
    with pytest.raises(ZeroDivisionError), transaction():
        site.run("Deploy")
        raise ZeroDivisionError
    assert types_written() == []


def test_an_endpoint_gets_the_types_it_wants(site: Site) -> None:
    webhooks.create(OWNER, URL, ["vm.ready", "vm.ready"])
    webhooks.create(OWNER, URL, TYPES)
    site.run("Deploy")
    site.run("Suspend")
    assert (types_written(1), types_written(2)) == (["vm.ready"], ["vm.ready", "service.suspended"])
    with pytest.raises(Refused, match=r"Unknown event 'vm\.gone'"):
        webhooks.create(OWNER, URL, ["vm.gone"])


def test_a_new_service_is_reported(site: Site) -> None:
    webhooks.create(OWNER, URL)
    with session():
        Product.update(spec={"name": "VPS", "server": "pve", "template": 9000}).execute()
    made = services.create_service(checked(ServiceForm, {"client": "Acme", "product": "VPS"}), OWNER)
    assert types_written() == ["service.created"]
    assert json.loads(deliveries(1)[0].body)["data"]["service_id"] == made.id


def test_server_events_go_to_endpoints_without_limits(site: Site) -> None:
    webhooks.create(OWNER, URL)
    webhooks.create(_limited(site.client), URL)
    down = "http: connection refused"

    class Refusal(Exception):
        kind, status, said, sentence = servers.FaultKind.TRANSIENT, None, down, down

    with session():
        server = Server.get()
        for _ in range(servers.GIVE_UP_AFTER):
            servers.missed(server, Refusal())  # type: ignore[arg-type]
        servers.reached(server)
    assert (types_written(1), types_written(2)) == (["server.down", "server.up"], [])
    assert json.loads(deliveries(1)[-1].body)["data"] == {"server": "pve", "error": down}


def _limited(client: int, login: str = "token:reseller") -> Actor:
    return Actor(login, source="api", role=Role.OWNER, scope=Scope(clients=frozenset({client})))


def test_an_endpoint_has_the_limits_of_the_token_that_made_it(site: Site) -> None:
    with session():
        other = Client.create(name="Beta")
    theirs, _ = add(site, other.id, site.product)
    mine = _limited(other.id)
    webhooks.create(OWNER, URL)
    made = webhooks.create(mine, URL)
    site.run("Deploy")
    site.run("Deploy", service=theirs)
    assert [each.service_id for each in deliveries(made.webhook.id)] == [theirs]
    assert [each.id for each in all_webhooks(mine)] == [made.webhook.id]
    with pytest.raises(NotFound, match="Webhook 1 not found"):
        deliveries(1, actor=mine)
    foreign: Any
    for foreign in (webhooks.delete, webhooks.resume, webhooks.test):
        with pytest.raises(NotFound, match="Webhook 1 not found"):
            foreign(mine, 1)
    for number in (deliveries(1)[0].id, 10_000):
        with pytest.raises(NotFound, match=f"Delivery {number} not found"):
            webhooks.replay(mine, number)
    with pytest.raises(Refused, match="private"):
        webhooks.create(mine, "http://10.0.0.1/", allow_private=True)
    with pytest.raises(Forbidden):
        webhooks.create(Actor("ben", role=Role.OPERATOR), URL)


def test_revoking_a_token_pauses_its_webhooks_for_good(site: Site) -> None:
    secret = tokens.create(OWNER, "reseller", Role.OWNER, ["Acme"]).secret
    made = webhooks.create(tokens.authenticate(secret, "192.0.2.1"), URL)
    tokens.revoke(OWNER, "reseller")
    with session():
        assert Webhook.get().state == "paused"
        assert [each.about for each in needs((), (), ()) if each.kind == "webhook"] == [str(made.webhook.id)]
    with pytest.raises(Refused, match="revoked"):
        webhooks.resume(OWNER, made.webhook.id)


def test_the_usage_of_a_month_is_reported_once(site: Site) -> None:
    webhooks.create(OWNER, URL)
    october = int(datetime(2026, 10, 15, tzinfo=UTC).timestamp() * 1000)
    with session():
        Traffic.create(service=site.service, vm=site.vm, hour=october, bytes_in=7, bytes_out=9)

    def at(*date: int) -> int:
        return int(datetime(*date, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc, arg-type]

    assert months.tell_last(at(2026, 10, 20)) == 0  # earlier months are not written
    assert months.tell_last(at(2026, 11, 1, 1)) == 0  # the last hour may still be counted
    assert months.tell_last(at(2026, 11, 1, 3)) == 1
    assert months.tell_last(at(2026, 11, 20)) == 0
    data = json.loads(deliveries(1)[0].body)["data"]
    assert (data["month"], data["bytes_in"], data["bytes_out"]) == ("2026-10", 7, 9)


def test_a_token_that_expires_soon_is_reported_once(site: Site) -> None:
    webhooks.create(OWNER, URL)
    webhooks.create(_limited(site.client), URL)
    day = 86_400_000
    tokens.create(OWNER, "later", Role.VIEWER, expires="20d")
    assert expiring.tell() == 0
    tokens.create(OWNER, "shop", Role.SUPPORT, expires="13d")
    assert (expiring.tell(), expiring.tell()) == (1, 0)
    assert expiring.tell(now_ms() + 8 * day) == 1
    assert expiring.tell(now_ms() + 8 * day) == 0
    assert (types_written(1), types_written(2)) == (["token.expiring"] * 2, [])
    first = json.loads(deliveries(1)[-1].body)["data"]
    assert (first["token"], first["role"]) == ("shop", "support") and first["expires_at"].endswith("Z")


def test_other_endpoints_learn_that_one_is_paused(site: Site) -> None:
    from engine.webhooks import queue
    from engine.webhooks.post import WebhookAnswer

    for owner in (OWNER, OWNER, _limited(site.client)):
        webhooks.create(owner, URL)
    site.run("Deploy")
    with session():
        gone = queue.job(WebhookDelivery.select().where(WebhookDelivery.webhook == 1).get())
        queue.settle(gone, WebhookAnswer(410, "HTTP 410"))
    assert [types_written(number) for number in (1, 2, 3)] == [
        ["vm.ready"], ["vm.ready", "webhook.paused"], ["vm.ready"],
    ]  # fmt: skip
    assert json.loads(deliveries(2)[0].body)["data"] == {"webhook": 1, "url": URL, "error": "HTTP 410"}


def test_the_secret_is_sealed_and_shown_once(site: Site) -> None:
    made = webhooks.create(OWNER, URL)
    assert made.secret.startswith("whsec_") and made.secret not in repr(made)
    with session():
        row = Webhook.get()
    assert made.secret not in str(row.__data__)
    assert secrets.unseal(row.secret, "webhook", row.uid, "secret") == made.secret
    assert any(each.model is Webhook for each in sealed.COLUMNS)


def test_deleting_a_webhook_deletes_what_waits_for_it(site: Site) -> None:
    webhooks.create(OWNER, URL)
    site.run("Deploy")
    webhooks.delete(OWNER, 1)
    site.run("Deploy")
    with session():
        assert not WebhookDelivery.select().exists() and not Webhook.select().exists()


def test_without_endpoints_nothing_is_written(site: Site) -> None:
    site.run("Deploy", "error", "x")
    in_transaction(Setting.delete().where(Setting.key == "webhooks.month").execute)
    assert months.tell_last(now_ms()) == 0
    with session():
        assert not WebhookDelivery.select().exists()
