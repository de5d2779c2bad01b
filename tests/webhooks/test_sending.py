"""Messages reach a real HTTP server: signed, in order per service, at least once, and nowhere they must not go."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from ipaddress import ip_address
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Verifier

from engine.actions import webhooks
from engine.audit import Actor
from engine.errors import Failed, Refused
from engine.queries.attention import needs
from engine.queries.webhooks import DeliveryView, deliveries
from engine.queries.webhooks import webhooks as all_webhooks
from engine.store.database import execute, in_transaction, session, transaction
from engine.store.models import Audit, Destination, Event, Webhook, WebhookDelivery
from engine.webhooks import address, post, queue
from engine.webhooks.address import Unreachable, resolve, target
from engine.webhooks.sender import WebhookSender
from tests.conftest import Store
from tests.test_own_authority import Authority
from tests.waiting import until
from tests.webhooks.conftest import OWNER, Site, add
from tests.webhooks.endpoint import Endpoint, endpoint

ROOT = Path(__file__).parent.parent.parent


def _create(shop: Endpoint, actor: Actor = OWNER) -> webhooks.NewWebhook:
    return webhooks.create(actor, shop.url(), allow_private=True)


def _all(state: str, webhook: int = 1) -> list[DeliveryView]:
    return list(reversed(deliveries(webhook, state)))


def test_a_message_is_signed_as_standard_webhooks_says(
    sqlite_site: Site, shop: Endpoint, sending: WebhookSender
) -> None:
    made = _create(shop)
    sqlite_site.run("Deploy")
    until(lambda: _all("sent"))
    (taken,) = shop.taken
    verified = Verifier(made.secret).verify(taken.body, taken.headers)
    assert verified["type"] == "vm.ready" and verified["data"]["service_id"] == sqlite_site.service
    assert taken.path == "/hooks?shop=1" and taken.headers["content-type"] == "application/json"
    with pytest.raises(Exception, match="signature"):
        Verifier(post.new_secret()).verify(taken.body, taken.headers)
    (sent,) = _all("sent")
    assert (sent.message_id, sent.status, sent.attempts, sent.error) == (taken.id, 200, 1, "")


def test_a_refused_message_is_retried_and_keeps_its_service_in_order(
    sqlite_site: Site, shop: Endpoint, sending: WebhookSender
) -> None:
    other, _ = add(sqlite_site, sqlite_site.client, sqlite_site.product)
    _create(shop)
    shop.answers = [500, 404]
    with transaction():
        sqlite_site.run("Deploy")
        sqlite_site.run("Suspend")
        sqlite_site.run("Deploy", service=other)
    until(lambda: len(_all("sent")) == 3)
    of_first = [each.message for each in shop.taken if each.message["data"]["service_id"] != other]
    types = [each["type"] for each in of_first]
    assert types[-1] == "service.suspended" and set(types[:-1]) == {"vm.ready"}
    first = next(each for each in _all("sent") if each.type == "vm.ready" and each.service_id != other)
    assert first.attempts > 1 and first.error == "" and first.status == 200
    assert len({each.id for each in shop.taken}) == 3  # the same webhook-id for every attempt


def test_redirects_are_not_followed(sqlite_site: Site, shop: Endpoint, sending: WebhookSender) -> None:
    _create(shop)
    shop.answers = [302]
    sqlite_site.run("Deploy")
    until(lambda: _all("sent"))
    assert len(shop.taken) == 2  # the retry, not the redirect
    shop.answers = [302, 302, 302, 302]
    with pytest.raises(Failed, match="redirects are not followed"):
        webhooks.test(OWNER, 1)


def test_an_endpoint_that_is_down_is_reported_once_and_delays_nobody_else(
    sqlite_site: Site, shop: Endpoint, sending: WebhookSender
) -> None:
    with endpoint() as gone:
        closed = gone.url()
    webhooks.create(OWNER, closed, allow_private=True)
    _create(shop)
    sqlite_site.run("Deploy")
    sqlite_site.run("Suspend")
    until(lambda: len(_all("sent", 2)) == 2)
    until(lambda: _all("pending", 1)[0].attempts >= 2)
    assert _all("pending", 1)[1].attempts == 0  # of the same service, so it waits for the first
    assert all_webhooks()[0].failing_since is not None
    with session():
        said = [each.text for each in Event.select() if each.kind == "alert"]
    assert len(said) == 1 and "cannot be reached" in said[0]
    in_transaction(Webhook.update(url=shop.url()).where(Webhook.id == 1).execute)
    until(lambda: len(_all("sent", 1)) == 2)
    with session():
        assert [each.level for each in Event.select() if each.kind == "alert"] == ["error", "success"]


def test_an_endpoint_that_is_slow_does_not_hold_its_sender_for_long(
    sqlite_site: Site, shop: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "READ_S", 0.2)
    _create(shop)
    shop.before = lambda taken: time.sleep(1.0)
    with pytest.raises(Failed, match="did not answer in time"):
        webhooks.test(OWNER, 1)


def test_after_three_days_the_endpoint_is_paused_and_an_operator_resumes_it(
    sqlite_site: Site, shop: Endpoint, sending: WebhookSender
) -> None:
    _create(shop)
    shop.answers = [500] * 3
    sqlite_site.run("Deploy")
    until(lambda: _all("pending")[0].attempts >= 1)
    in_transaction(WebhookDelivery.update(tried_at=WebhookDelivery.tried_at - queue.GIVE_UP_MS).execute)
    until(lambda: all_webhooks()[0].state == "paused")
    assert "three days" in all_webhooks()[0].why
    with session():
        assert [each.about for each in needs((), (), ()) if each.kind == "webhook"] == ["1"]
    count, shop.answers = len(shop.taken), []
    sqlite_site.run("Suspend")
    time.sleep(0.3)
    assert len(shop.taken) == count
    assert "1 message waits" in webhooks.resume(OWNER, 1)
    until(lambda: [each.type for each in _all("sent")] == ["service.suspended"])
    (failed,) = _all("failed")
    webhooks.replay(OWNER, failed.id)
    until(lambda: len(_all("sent")) == 2)
    assert shop.taken[-1].id == failed.message_id
    assert "is not paused" in webhooks.resume(OWNER, 1)


def test_an_endpoint_that_says_gone_is_paused_at_once(
    sqlite_site: Site, shop: Endpoint, sending: WebhookSender
) -> None:
    _create(shop)
    shop.answers = [410]
    sqlite_site.run("Deploy")
    until(lambda: all_webhooks()[0].state == "paused")
    assert len(_all("failed")) == 1


def test_a_test_message_is_answered_at_once(sqlite_site: Site, shop: Endpoint) -> None:
    made = _create(shop)
    assert webhooks.test(OWNER, 1) == "Webhook 1 accepted the test message: HTTP 200."
    assert Verifier(made.secret).verify(shop.taken[0].body, shop.taken[0].headers)["type"] == "webhook.test"
    shop.answers = [503]
    with pytest.raises(Failed, match="HTTP 503: oops"):
        webhooks.test(OWNER, 1)
    assert [each.state for each in deliveries(1)] == ["failed", "sent"]
    with session():
        assert [row.action for row in Audit.select().order_by(Audit.id)] == ["create", "test", "test"]


def test_a_certificate_is_checked_for_the_name_in_the_url(
    sqlite_site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path, "ours")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    post._tls.cache_clear()
    try:
        with endpoint(authority.server("127.0.0.1")) as shop:
            webhooks.create(OWNER, shop.url(), allow_private=True)
            webhooks.create(OWNER, shop.url("localhost"), allow_private=True)
            assert "HTTP 200" in webhooks.test(OWNER, 1)
            with pytest.raises(Failed, match=r"cannot be reached|certificate"):
                webhooks.test(OWNER, 2)
            assert len(shop.taken) == 1
    finally:
        post._tls.cache_clear()


_SENDER = """
import sys, time
from engine.store import secrets
from engine.store.database import open_database
from engine.webhooks.sender import WebhookSender
open_database(sys.argv[1])
secrets.use_key_file(__import__("pathlib").Path(sys.argv[2]))
sender = WebhookSender()
sender.start()
time.sleep(60)
"""


def test_a_message_whose_answer_was_not_noted_is_sent_again_with_the_same_id(
    sqlite_store: Store, sqlite_site: Site, shop: Endpoint
) -> None:
    _create(shop)
    sqlite_site.run("Deploy")
    child = subprocess.Popen(
        [sys.executable, "-c", _SENDER, sqlite_store.url, str(sqlite_store.key_file)], cwd=ROOT
    )
    try:
        shop.before = lambda taken: os.kill(child.pid, signal.SIGKILL)
        child.wait(30)
    finally:
        child.kill()
    assert len(shop.taken) == 1 and len(_all("pending")) == 1
    shop.before = lambda taken: None
    in_transaction(Destination.update(until=0).execute)  # the lease of a killed sender ends by itself
    sender = WebhookSender()
    assert sender.finish(20)
    assert [each.id for each in shop.taken] == [shop.taken[0].id] * 2 and len(_all("sent")) == 1


def test_two_senders_share_an_endpoint_without_doubling(sqlite_site: Site, shop: Endpoint) -> None:
    _create(shop)
    for _ in range(10):
        sqlite_site.run("Deploy")
    both = [WebhookSender(), WebhookSender()]
    for each in both:
        each.start()
    until(lambda: len(_all("sent")) == 10)
    assert all(each.stop(5) for each in both)
    assert len(shop.taken) == len({each.id for each in shop.taken}) == 10


@pytest.mark.parametrize(
    "address_text",
    [
        "10.0.0.1", "127.0.0.1", "169.254.169.254", "192.168.1.1", "172.16.0.1", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "::1", "::", "fe80::1", "fd00::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::", "ff02::1",
        "255.255.255.255", "192.0.2.1", "2001:db8::1",
    ],
)  # fmt: skip
def test_private_addresses_are_refused(address_text: str) -> None:
    assert address.is_private(ip_address(address_text))
    host = f"[{address_text}]" if ":" in address_text else address_text
    with pytest.raises(Refused, match="private"):
        target(f"https://{host}/", allow_private=False)
    assert target(f"http://{host}/", allow_private=True).host == address_text


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "2130706433", "localhost."])
def test_other_spellings_of_private_addresses_are_refused_when_resolved(host: str) -> None:
    wanted = target(f"https://{host}/", allow_private=False)
    with pytest.raises(Unreachable):
        resolve(wanted, allow_private=False)


def test_public_addresses_are_called_as_resolved() -> None:
    for text in ("198.41.0.4", "2001:503:ba3e::2:30"):
        host = f"[{text}]" if ":" in text else text
        assert resolve(target(f"https://{host}/x", False), False) == text


@pytest.mark.parametrize(
    "url",
    [
        "", "shop.example", "ftp://shop.example/", "https://", "https://user:pw@shop.example/", "https://x/#frag",
        "http://shop.example/", "https://localhost/", "https://shop.example:99999/", "https://shop.example/\r\nx: y",
        "https://shop.example/a b", "https://" + "a" * 2100 + ".example/", "file:///etc/passwd", "https://[::1/",
    ],
)  # fmt: skip
def test_urls_that_cannot_be_called_are_refused(url: str) -> None:
    with pytest.raises(Refused, match="URL for a webhook"):
        target(url, allow_private=False)


def test_old_messages_are_deleted_but_not_what_waits(sqlite_site: Site, shop: Endpoint) -> None:
    from engine.store.settings import Retention
    from engine.work.retention import TABLES, delete_old

    _create(shop)
    for _ in range(3):
        sqlite_site.run("Deploy")
    with session(), transaction():
        execute("UPDATE webhook_delivery SET created_at = 1")
        execute("UPDATE webhook_delivery SET state = 'sent' WHERE id = 1")
    (table,) = (each for each in TABLES if each.table == "webhook_delivery")
    assert delete_old(table, Retention(), lambda: True, pause_s=0) == 1
    in_transaction(Webhook.update(state="paused").execute)
    assert delete_old(table, Retention(), lambda: True, pause_s=0) == 1  # the newest row always stays
