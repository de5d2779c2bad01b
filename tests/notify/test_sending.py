"""Notifications reach real servers: by level, not in quiet hours, once, and held up by nobody else."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.actions import notifications
from engine.errors import Forbidden, NotFound, Refused
from engine.notify import post, queue, recording
from engine.notify.recording import CHANNEL, NEVER
from engine.notify.sender import NotifySender
from engine.queries.attention import Need, needs
from engine.queries.notifications import targets
from engine.roles import Role
from engine.store.database import in_transaction, session, transaction
from engine.store.models import Audit, Destination, Event, Notification, WebhookDelivery
from engine.webhooks.catalog import TYPES
from engine.work import servers, wake
from kvmtui.lab.mailbox import Mailbox
from tests.notify.conftest import Site, Use
from tests.waiting import until
from tests.webhooks.conftest import OWNER
from tests.webhooks.endpoint import Endpoint, endpoint

SECRET = "T0p-s3cret-path"


def url(shop: Endpoint, path: str = SECRET) -> str:
    return f"json://127.0.0.1:{shop.port}/{path}"


def titles(shop: Endpoint) -> list[str]:
    return [json.loads(each.body)["title"] for each in shop.taken]


def rows(state: str = "") -> list[Notification]:
    with session():
        query = Notification.select().order_by(Notification.id)
        return list(query.where(Notification.state == state) if state else query)


def alerts() -> list[Need]:
    with session():
        return [each for each in needs((), (), ()) if each.kind == "notify"]


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        yield listener.getsockname()[1]


def quiet_now(ends_in: timedelta = timedelta(hours=1)) -> str:
    now = datetime.now(UTC)
    return f"{now - timedelta(hours=2):%H:%M}-{now + ends_in:%H:%M}"


def test_each_target_gets_the_events_of_its_level(site: Site, shop: Endpoint, use: Use) -> None:
    use(
        all={"url": url(shop)},
        some={"url": url(shop), "level": "warning"},
        few={"url": url(shop), "level": "critical"},
    )
    site.run("Deploy")
    site.run("Deploy", "error", "no free address")
    site.run("Deploy", "error", "no free address")
    with session():
        for _ in range(servers.GIVE_UP_AFTER):
            servers.missed(site.server, _unreachable())
    found = [(row.target, row.type) for row in rows()]
    assert found == [
        ("all", "vm.ready"), ("all", "vm.stuck"), ("some", "vm.stuck"),
        ("all", "server.down"), ("some", "server.down"), ("few", "server.down"),
    ]  # fmt: skip
    with session():
        assert not WebhookDelivery.select().exists()


def _unreachable() -> Exception:
    from engine.proxmox.faults import FaultKind, ProxmoxError

    return ProxmoxError(
        FaultKind.TRANSIENT, "pve does not answer", reason="refused", said="connection refused"
    )


def test_what_is_rolled_back_is_not_notified(site: Site, shop: Endpoint, use: Use) -> None:
    use(ops={"url": url(shop)})
    with pytest.raises(ZeroDivisionError), transaction():
        site.run("Deploy")
        raise ZeroDivisionError
    assert rows() == []


def test_a_notification_says_what_happened(
    sqlite_site: Site, shop: Endpoint, use: Use, sending: NotifySender
) -> None:
    use(ops={"url": url(shop)})
    sqlite_site.run("Deploy", "error", "no free address in pool 3")
    until(lambda: rows("sent"))
    (taken,) = shop.taken
    message = json.loads(taken.body)
    assert message["title"] == f"lab: vm-{sqlite_site.service} is stuck" and message["type"] == "warning"
    assert f"Service {sqlite_site.service} of Acme, product VPS" in message["message"]
    assert "no free address in pool 3" in message["message"] and "UTC · vm.stuck" in message["message"]
    assert taken.path == f"/{SECRET}"
    (row,) = rows()
    assert (row.attempts, row.error, row.level) == (1, "", "warning") and row.sent_at


def test_mail_arrives_at_a_mail_server(sqlite_site: Site, use: Use, sending: NotifySender) -> None:
    with Mailbox() as box:
        use(
            mail={
                "url": f"mailto://127.0.0.1:{box.port}?to=ops@example.com&from=noc@example.com&mode=insecure"
            }
        )
        sqlite_site.run("Deploy")
        until(lambda: rows("sent"))
        (mail,) = box.received
    assert mail.recipients == ("ops@example.com",)
    assert mail.message["subject"] == f"lab: vm-{sqlite_site.service} was deployed"


def test_in_quiet_hours_only_critical_ones_pass_and_the_rest_follows_as_one_digest(
    sqlite_site: Site, shop: Endpoint, use: Use, sending: NotifySender
) -> None:
    use({"quiet_hours": quiet_now()}, ops={"url": url(shop)})
    sqlite_site.run("Deploy")
    sqlite_site.run("Deploy", "error", "no free address")
    with session():
        for _ in range(servers.GIVE_UP_AFTER):
            servers.missed(sqlite_site.server, _unreachable())
    until(lambda: rows("sent"))
    assert titles(shop) == ["lab: Server pve does not answer"]
    assert [each.type for each in rows("pending")] == ["vm.ready", "vm.stuck"]
    assert [(each.state, each.pending) for each in targets()] == [("quiet", 2)]
    sqlite_site.run("Suspend")
    use({"quiet_hours": quiet_now()}, ops={"url": url(shop), "quiet_hours": "none"})
    wake.notify_here(
        CHANNEL
    )  # else it looks again when the quiet hours it knew end, at the latest after 30 s
    until(lambda: not rows("pending"))
    assert titles(shop)[1] == "lab: 4 notifications (1 warning)"
    lines = json.loads(shop.taken[1].body)["message"].splitlines()
    assert len(lines) == 4 and lines[0].startswith("[warning]") and lines[0].endswith("no free address")
    assert len(shop.taken) == 2


def test_a_silent_and_a_wrong_target_delay_nobody(
    sqlite_site: Site, shop: Endpoint, use: Use, sending: NotifySender, silent: int
) -> None:
    use(
        silent={"url": f"json://127.0.0.1:{silent}/"},
        wrong={"url": "nosuchservice://token"},
        unset={"url": "env:KVMTUI_NOT_SET"},
        good={"url": url(shop)},
    )
    sqlite_site.run("Deploy")
    until(lambda: [each.target for each in rows("sent")] == ["good"], 3.0)
    until(lambda: sum(each.state == "failing" for each in targets()) >= 2)
    errors = {each.name: each.error for each in targets()}
    assert "Apprise does not accept the URL" in errors["wrong"] and "token" not in errors["wrong"]
    assert "KVMTUI_NOT_SET of the environment is not set" in errors["unset"] and not errors["good"]


def test_a_target_that_fails_is_retried_said_once_and_not_sent_twice(
    sqlite_site: Site, shop: Endpoint, use: Use, sending: NotifySender
) -> None:
    use(ops={"url": url(shop)})
    shop.answers = [500, 503]
    sqlite_site.run("Deploy")
    until(lambda: rows("sent"))
    assert len(shop.taken) == 3 and rows()[0].attempts == 3
    with session():
        said = [(each.level, each.text) for each in Event.select() if each.kind == "alert"]
    assert [level for level, _ in said] == ["error", "success"] and "500" in said[0][1]
    assert SECRET not in said[0][1]


def test_an_outage_is_on_the_dashboard_and_ends_after_three_days(
    sqlite_site: Site, shop: Endpoint, use: Use, sending: NotifySender
) -> None:
    use(ops={"url": url(shop)})
    shop.answers = [500] * 200
    sqlite_site.run("Deploy")
    until(alerts)
    (need,) = alerts()
    assert need.about == "ops" and "1 notification not sent" in need.why and SECRET not in need.why
    old = Notification.created_at - queue.GIVE_UP_MS
    in_transaction(Notification.update(created_at=old).execute)
    until(lambda: rows("failed"))
    shop.answers = []
    sqlite_site.run("Suspend")
    until(lambda: rows("sent"))
    assert titles(shop)[-1].endswith("was suspended")
    until(lambda: not alerts())


def test_failed_ones_are_sent_again_when_an_owner_says_so(
    sqlite_site: Site, shop: Endpoint, use: Use
) -> None:
    use(ops={"url": url(shop)}, other={"url": url(shop, "other")})
    sqlite_site.run("Deploy")
    in_transaction(Notification.update(state="failed", error="refused", created_at=1).execute)
    with pytest.raises(NotFound):
        notifications.resend(OWNER, ["absent"])
    assert notifications.resend(OWNER, ["ops"]) == 1
    assert NotifySender().finish(20) and len(shop.taken) == 1
    assert [(each.target, each.state) for each in rows()] == [("ops", "sent"), ("other", "failed")]
    assert notifications.resend(OWNER) == 1 and notifications.resend(OWNER) == 0
    with session():
        kept = [each.object_id for each in Audit.select() if each.action == "resend"]
    assert kept == ["ops", "other"]
    with pytest.raises(Forbidden):
        notifications.resend(replace(OWNER, role=Role.OPERATOR))


def test_many_are_one_message(sqlite_site: Site, shop: Endpoint, use: Use) -> None:
    use(ops={"url": url(shop)})
    for _ in range(60):
        sqlite_site.run("Deploy")
    sender = NotifySender()
    assert sender.finish(20)
    (title,) = titles(shop)
    assert title == "lab: 60 notifications" and len(rows("sent")) == 60
    assert "… and 20 more" in json.loads(shop.taken[0].body)["message"]


def test_two_senders_share_the_targets_without_doubling(sqlite_site: Site, shop: Endpoint, use: Use) -> None:
    use(ops={"url": url(shop)})
    both = [NotifySender(), NotifySender()]
    for each in both:
        each.start()
    for _ in range(5):
        sqlite_site.run("Deploy")
    until(lambda: len(rows("sent")) == 5)
    assert all(each.stop(5) for each in both)
    said = sum(int(each.split()[1]) if "notifications" in each else 1 for each in titles(shop))
    assert said == 5


def test_a_message_is_sent_again_when_its_answer_was_not_noted(
    sqlite_site: Site, shop: Endpoint, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(ops={"url": url(shop)})
    sqlite_site.run("Deploy")

    def killed(*_: object) -> None:
        raise OSError("the process ends here")

    with monkeypatch.context() as dying:
        dying.setattr(queue, "settle", killed)
        assert NotifySender().finish(20)
    assert len(shop.taken) == 1 and len(rows("pending")) == 1
    in_transaction(Destination.update(until=0).execute)  # the lease of a killed sender ends by itself
    assert NotifySender().finish(20)
    assert titles(shop) == titles(shop)[:1] * 2 and len(rows("sent")) == 1


def test_a_test_goes_to_every_target_at_once(sqlite_site: Site, shop: Endpoint, use: Use) -> None:
    with endpoint() as gone:
        closed = gone.port
    use(
        {"quiet_hours": quiet_now()},
        ops={"url": url(shop), "level": "critical"},
        gone={"url": f"json://127.0.0.1:{closed}/{SECRET}"},
    )
    answers = notifications.test(OWNER)
    assert [(each.target, each.sent) for each in answers] == [("ops", True), ("gone", False)]
    assert "127.0.0.1" in answers[1].error and SECRET not in answers[1].error
    assert titles(shop) == ["lab: test"]
    with session():
        assert [(each.kind, each.object_name) for each in Audit.select()] == [
            ("notify", "ops"),
            ("notify", "gone"),
        ]
    assert [each.target for each in notifications.test(OWNER, ["ops"])] == ["ops"]
    with pytest.raises(NotFound, match="Did you mean 'ops'"):
        notifications.test(OWNER, ["opps"])
    use()
    with pytest.raises(Refused, match=r"notify\.targets"):
        notifications.test(OWNER)


def test_an_error_of_apprise_that_quotes_the_url_is_masked(sqlite_site: Site, use: Use) -> None:
    use(ops={"url": "json://T0psecrettoken9/"})  # where a chat service has its token, Apprise names the host
    (answer,) = notifications.test(OWNER)
    assert "sending JSON notification to ***" in answer.error


def test_without_the_package_one_sentence_says_how_to_install_it(
    sqlite_site: Site, shop: Endpoint, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(ops={"url": url(shop)})
    monkeypatch.setattr(post, "find_spec", lambda name: None)
    with pytest.raises(Refused, match=r"pip install '\.\[notify\]'"):
        notifications.test(OWNER)
    (need,) = alerts()
    assert "pip install" in need.why
    sqlite_site.run("Deploy")
    assert NotifySender().finish(20)
    assert "pip install" in rows("pending")[0].error and shop.taken == []


def test_no_secret_reaches_the_log(
    sqlite_site: Site, use: Use, sending: NotifySender, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with endpoint() as gone:
        closed = gone.port
    use(ops={"url": f"json://user:pass-w0rd@127.0.0.1:{closed}/{SECRET}"})
    sqlite_site.run("Deploy")
    until(lambda: rows()[0].attempts)
    texts = [each.getMessage() for each in caplog.records] + [rows()[0].error]
    assert "127.0.0.1" in rows()[0].error
    ours = [each for each in texts if "urllib3" not in each]
    assert not [each for each in ours if SECRET in each or "pass-w0rd" in each]


@pytest.mark.parametrize("kind", sorted(TYPES.keys() - set(NEVER)))
def test_every_event_has_a_title(site: Site, shop: Endpoint, use: Use, kind: str) -> None:
    """An event without one would fail the transaction of what it reports."""
    use(ops={"url": url(shop)})
    facts = {
        "service_id": 7,
        "client": "Acme",
        "product": "VPS",
        "server": "pve",
        "token": "shop",
        "webhook": 3,
    }
    with transaction():
        recording.write(kind, [facts])
    (row,) = rows()
    assert row.type == kind and row.title[:1].isupper() and "None" not in row.title
