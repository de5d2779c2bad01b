"""A client's month on the page, without JavaScript, against a daemon and a simulated cluster."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.client_page.conftest import ClientSite
from tests.client_page.visitor import Visitor, parsed

SURE = {"sure": "yes"}


def done(visitor: Visitor, answer: httpx.Response) -> None:
    """The form was accepted, and its request succeeded."""
    said = " ".join(parsed(answer.text).text)
    assert (answer.status_code, answer.headers.get("location", "")[:8]) == (303, "/client/"), said
    assert visitor.until_over() == "done", visitor.text()


@pytest.mark.timeout(300)
def test_everything_the_product_allows_works_without_javascript(pages: ClientSite) -> None:
    client = pages.visit()
    text = client.text()
    assert "vps-5546.example.com" in text and "10.30.0.2" in text and "Running" in text and "2.0 GiB" in text
    guest = pages.whole.call("GET", "/api/v1/services/5546/vm", 200)["vmid"]

    def vm() -> dict[str, Any]:
        return pages.whole.lab.guests(2000)[guest]

    done(client, client.send("", "do/stop", **SURE))
    assert vm()["status"] == "stopped" and "Switched off" in client.text()
    assert client.form("", "console").disabled
    done(client, client.send("", "do/start"))
    done(client, client.send("", "do/reboot"))
    assert vm()["status"] == "running"

    done(client, client.send("network", "do/rdns", name="mail.acme.example"))
    assert pages.whole.call("GET", "/api/v1/services/5546/vm", 200)["ips"][0]["rdns"] == "mail.acme.example"
    assert client.form("network", "do/rdns").value("name") == "mail.acme.example"

    done(client, client.send("snapshots", "do/snapshot-create", name="before"))
    assert "In use: 1 of 3" in client.text("snapshots")
    done(client, client.send("snapshots", "do/snapshot-rollback", {"name": "before"}, **SURE))
    done(client, client.send("snapshots", "do/snapshot-delete", {"name": "before"}))
    assert "There are none yet." in client.text("snapshots")

    done(client, client.send("backups", "do/backup-create"))
    assert "In use: 1 of 2" in client.text("backups")
    answer = client.send("backups", "do/backup-schedule", day=["mon", "thu"])
    assert answer.status_code == 303
    plan = pages.whole.call("GET", "/api/v1/services/5546/vm/backup-schedule", 200)
    assert plan["days"] == ["mon", "thu"] and plan["at"] in client.text("backups")
    done(client, client.send("backups", "do/backup-restore", **SURE))
    done(client, client.send("backups", "do/backup-delete"))
    client.send("backups", "do/backup-schedule", day=None)
    assert pages.whole.call("GET", "/api/v1/services/5546/vm/backup-schedule", 200)["days"] == []

    done(client, client.send("iso", "do/iso-mount"))
    assert "Inserted" in client.text("iso")
    done(client, client.send("iso", "do/iso-eject"))
    assert client.page("charts?span=day").attributes.count(("svg", "role", "img")) == 3

    form = client.form("reinstall", "do/reinstall")
    done(client, client.post("do/reinstall", form.filled(template="9001", **SURE)))
    assert client.page("reinstall") and client.form("reinstall", "do/reinstall").value("template") == "9001"


def test_a_new_password_is_shown_once_to_who_asked_for_it(pages: ClientSite) -> None:
    client, other = pages.visit(), pages.visit()
    done(client, client.send("", "do/password"))
    assert "It can be shown once" in client.text() and "It can be shown once" not in other.text()
    form = client.form("", "password")
    answer = client.post("password", form.filled())
    shown = re.findall(r"<code>(.+?)</code>", answer.text)
    assert answer.status_code == 200 and len(shown) == 2 and len(shown[1]) >= 12
    assert "no-store" in answer.headers["cache-control"]
    again = client.post("password", form.filled())
    assert again.status_code == 303 and shown[1] not in client.text()
    audit = pages.whole.call("GET", "/api/v1/audit?limit=5", 200)["items"]
    row = next(each for each in audit if each["action"] == "show password")
    assert (row["login"], row["source"]) == ("client:5546", "client")
    assert shown[1] not in pages.whole.logged()


def test_a_failed_restore_offers_another_try_or_a_reinstall(pages: ClientSite) -> None:
    client = pages.visit(6000)
    done(client, client.send("backups", "do/backup-create"))
    pages.whole.lab.do("faults", kind="task-error", task="qmrestore", text="disk full")
    answer = client.send("backups", "do/backup-restore", **SURE)
    assert answer.status_code == 303 and client.until_over() == "failed"
    text = client.text()
    assert "disk full" not in text and "/client/reinstall" in client.get().text
    done(client, client.send("backups", "do/backup-restore", **SURE))


def test_what_is_not_among_the_services_own_is_refused(pages: ClientSite) -> None:
    other, client = pages.visit(6000), pages.visit(5546)
    done(other, other.send("backups", "do/backup-create"))
    theirs = other.form("backups", "do/backup-restore").value("backup")
    base = [(name, client.page().forms[0].value(name)) for name in ("csrf",)]
    for verb, field in (
        ("backup-restore", ("backup", theirs)),
        ("backup-delete", ("backup", theirs)),
        ("snapshot-rollback", ("name", "current")),
        ("snapshot-delete", ("name", "not-mine")),
        ("iso-mount", ("iso", "iso:iso/../../etc/passwd")),
        ("iso-mount", ("iso", "local-lvm:vm-3001-disk-0")),
        ("reinstall", ("template", "9000")),
        ("reinstall", ("template", "3001")),
        ("rdns", ("address", "10.30.0.3")),
    ):
        fields = [*base, ("nonce", "n" * 16 + verb), ("sure", "yes"), ("name", "x.example.com"), field]
        if field[0] == "name":
            fields = [each for each in fields if each != ("name", "x.example.com")]
        answer = client.post(f"do/{verb}", fields)
        assert answer.status_code == (409 if verb == "rdns" else 422), (verb, field, answer.status_code)
    assert client.page().attributes and theirs in other.get("backups").text
    done(other, other.send("backups", "do/backup-delete", {"backup": theirs}))


def test_a_bare_product_shows_and_takes_nothing(pages: ClientSite) -> None:
    client = pages.visit(6001)
    html = client.get().text
    assert not re.findall(r"/client/(?:do|console|charts|snapshots|backups|iso|reinstall)", html)
    for section in ("charts", "snapshots", "backups", "iso", "reinstall"):
        assert client.get(section).status_code == 403
    other = pages.visit(6000)
    csrf = client.page().forms[0].value("csrf")
    sample = {"template": "9002", "name": "x", "address": "10.30.0.4", "iso": "x", "backup": "x", **SURE}
    from engine.actions.client_requests import VERBS

    for verb in VERBS:
        fields = [("csrf", csrf), ("nonce", "n" * 20), *sample.items()]
        assert client.post(f"do/{verb}", fields).status_code == 403, verb
    assert client.post("console", [("csrf", csrf)]).status_code == 403
    assert other.get("charts").status_code == 200


def test_the_operators_view_is_the_same_page_and_changes_nothing(pages: ClientSite) -> None:
    viewer, client = pages.visit(view=True), pages.visit()
    assert "Read-only view" in viewer.text() and "Read-only view" not in client.text()
    for section in ("", "network", "snapshots", "backups", "iso", "reinstall"):
        acting = [
            form for form in viewer.page(section).forms if "/do/" in form.action or "console" in form.action
        ]
        assert all(form.disabled for form in acting)
        assert (
            len(acting)
            == len([form for form in client.page(section).forms if form.action != "/client/password"]) - 2
        )
    for action, form in (
        ("do/reboot", viewer.form("", "do/reboot")),
        ("console", viewer.form("", "console")),
    ):
        assert viewer.post(action, form.filled()).status_code == 403
    assert viewer.post("password", viewer.form("", "do/reboot").filled()).status_code == 403


def test_the_page_speaks_the_clients_language_and_the_one_they_choose(pages: ClientSite) -> None:
    client = pages.visit(6000)
    assert '<html lang="de" dir="ltr">' in client.get().text
    assert client.send("network", "language", language="ar").headers["location"] == "/client/network"
    assert '<html lang="ar" dir="rtl">' in client.get().text
    assert client.send("", "language", language="xx").status_code == 422
