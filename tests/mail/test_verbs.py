"""`kvmtui mail`, `doctor` and the manifest as an operator meets them: the real program and a real mail server."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kvmtui.lab.mailbox import Mailbox
from tests.conftest import Ran
from tests.mail.conftest import Certificates

Program = Callable[..., Ran]
SITE = """
settings:
  smtp: {{host: 127.0.0.1, port: {port}, sender: noc@example.com}}
servers:
  - {{name: pve-waw1, hosts: [127.0.0.1], port: 1, token_id: "kvmtui@pve!console", token_secret: x-secret,
      tls: {{system: true}}}}
products:
  - {{name: VPS-2, server: pve-waw1, template: 9000, cores: 2}}
  - {{name: Quiet, server: pve-waw1, template: 9000, emails: {{welcome: false}}}}
clients:
  - {{name: Acme, email: ops@acme.example}}
  - {{name: Łódź, email: biuro@lodz.example, language: pl}}
services:
  - {{id: 5546, client: Acme, product: VPS-2}}
  - {{id: 5547, client: Łódź, product: VPS-2}}
  - {{id: 5548, client: Acme, product: Quiet}}
"""


@pytest.fixture
def site(kvmtui: Program, box: Mailbox, tmp_path: Path) -> Iterator[Program]:
    """Three services of which two want a welcome, waiting in the outbox."""
    file = tmp_path / "site.yaml"
    file.write_text(SITE.format(port=box.port))
    file.chmod(0o600)
    done = kvmtui("apply", str(file))
    assert (done.exit, done.stderr) == (0, "")
    yield kvmtui


def outbox(program: Program, *more: str) -> list[dict[str, Any]]:
    ran = program("mail", "outbox", "--json", *more)
    assert ran.exit == 0, ran.stderr
    found: list[dict[str, Any]] = json.loads(ran.stdout)
    return found


def test_new_services_get_one_welcome_each_if_their_product_wants_it(site: Program, tmp_path: Path) -> None:
    assert [(row["service_id"], row["language"], row["state"]) for row in outbox(site)] == [
        (5547, "pl", "pending"),
        (5546, "en", "pending"),
    ]
    assert site("apply", str(tmp_path / "site.yaml")).exit == 0
    assert len(outbox(site)) == 2
    dry = tmp_path / "dry.yaml"
    dry.write_text((tmp_path / "site.yaml").read_text() + "  - {id: 5549, client: Acme, product: VPS-2}\n")
    dry.chmod(0o600)
    assert site("apply", str(dry), "--dry-run").exit == 0
    assert len(outbox(site)) == 2


def test_cron_sends_what_waits(site: Program, box: Mailbox) -> None:
    ran = site("cron")
    assert "[mail] sid:5546 'welcome' to ops@acme.example: sent (250 2.0.0 kept)" in ran.stdout
    assert [mail.message["Subject"] for mail in box.received] == [
        "Your new server VPS-2 is being set up",
        "Nowy serwer VPS-2 jest przygotowywany",
    ]
    table = site("mail", "outbox")
    assert table.stdout.splitlines()[0].split("\t")[:4] == ["ID", "State", "Mail", "Service"]
    assert len(outbox(site, "--status", "sent")) == 2 and outbox(site, "--status", "failed") == []


def test_a_test_mail_goes_past_the_outbox_and_into_the_audit(site: Program, box: Mailbox, home: Path) -> None:
    ran = site("mail", "test", "me@example.org")
    assert (ran.exit, ran.stdout) == (
        0,
        f"127.0.0.1:{box.port} accepted the mail for me@example.org: 250 2.0.0 kept\n",
    )
    box.answer_next("RCPT", "550 no such user")
    refused = site("mail", "test", "nobody@example.org")
    assert (refused.exit, refused.stdout) == (1, "") and "550 no such user" in refused.stderr
    assert [mail.recipients for mail in box.received] == [("me@example.org",)]
    assert len(outbox(site)) == 2
    with closing(sqlite3.connect(home / "kvmtui.db")) as database:
        trail = "SELECT action, object_name, result FROM audit WHERE kind = 'mail' ORDER BY id"
        done, failed = database.execute(trail).fetchall()
    assert done == ("test", "me@example.org", "done")
    assert failed[:2] == ("test", "nobody@example.org") and "550 no such user" in failed[2]
    nonsense = site("mail", "test", "nonsense")
    assert nonsense.exit == 2 and "is not an e-mail address" in nonsense.stderr
    for verb in (
        ("mail", "test", "me@example.org"),
        ("mail", "retry", "1"),
        ("mail", "templates", "--copy", "de"),
    ):
        assert site("--read-only", *verb).exit == 2
    assert len(box.received) == 1


def test_failed_mails_are_listed_reported_by_doctor_and_sent_again(site: Program, box: Mailbox) -> None:
    box.answer_next("RCPT", "550 no such user", "550 no such user")
    assert "failed: 127.0.0.1" in site("cron").stdout
    failed = outbox(site, "--status", "failed")
    assert len(failed) == 2 and "550 no such user" in failed[0]["error"]
    checks = json.loads(site("doctor", "--json").stdout)
    mail = {one["name"]: one for one in checks if one["about"] == "mail"}
    assert mail["server"]["result"] == "ok" and mail["templates"]["result"] == "ok"
    assert mail["outbox"]["result"] == "warn" and "550 no such user" in mail["outbox"]["sentence"]
    first = site("mail", "retry", str(failed[0]["id"]))
    assert first.exit == 0 and "1 mail is queued." in first.stderr
    again = site("mail", "retry", "--failed")
    assert again.exit == 0 and "1 mail is queued." in again.stderr
    site("cron", "--force")
    assert len(box.received) == 2
    assert "No failed mail" in site("mail", "retry", "--failed").stderr
    for arguments, sentence in [
        ((str(failed[0]["id"]),), "mails go out once"),
        (("999",), "Mail 999 not found"),
        ((), "--failed"),
        (("1", "--failed"), "--failed"),
    ]:
        ran = site("mail", "retry", *arguments)
        assert (ran.exit, ran.stdout) == (2, "") and sentence in ran.stderr


def test_a_preview_shows_a_mail_and_never_a_password(site: Program) -> None:
    polish = site("mail", "preview", "ready", "--service", "5547")
    assert polish.stdout.startswith("Subject: Serwer ") and "Łódź" in polish.stdout
    html = site("mail", "preview", "password", "--language", "ar", "--html").stdout
    assert html.startswith("<!DOCTYPE html>") and 'dir="rtl"' in html and "********" in html
    as_json = json.loads(site("mail", "preview", "welcome", "--json").stdout)
    assert {"language", "subject", "text", "html", "notes"} == as_json.keys()
    for arguments, sentence in [
        (("nothing",), "Unknown mail 'nothing'"),
        (("ready", "--vm", "77"), "77"),
    ]:
        ran = site("mail", "preview", *arguments)
        assert (ran.exit, ran.stdout) == (2, "") and sentence in ran.stderr
    unknown = site("mail", "preview", "ready", "--language", "tlh")
    assert unknown.exit == 0 and "no catalogue for the language 'tlh'" in unknown.stderr


def test_templates_are_copied_edited_and_used(site: Program, home: Path) -> None:
    files = json.loads(site("mail", "templates", "--json").stdout)
    assert len(files) == 21 + 25 and all(not one["own"] for one in files)
    copied = site("mail", "templates", "--copy", "ready", "--copy", "de")
    names = ["ready.html", "ready.txt", "languages/de.toml"]
    assert copied.stdout.splitlines() == [str(home / "templates" / name) for name in names]
    again = site("mail", "templates", "--copy", "de")
    assert again.exit == 2 and "is there already" in again.stderr
    assert site("mail", "templates", "--copy", "nonsense").exit == 2
    (home / "templates" / "ready.txt").write_text("{{ username }} at {{ ip }}\n")
    assert "admin at 192.0.2.10" in site("mail", "preview", "ready").stdout
    (home / "templates" / "ready.txt").write_text("{{ usrname }}")
    broken = site("mail", "preview", "ready")
    assert broken.exit == 0 and "'usrname' is undefined" in broken.stderr and "Hello Acme" in broken.stdout
    assert "usrname" in site("doctor").stdout
    own = [one["name"] for one in json.loads(site("mail", "templates", "--json").stdout) if one["own"]]
    assert own == ["languages/de.toml", "ready.html", "ready.txt"]


def test_without_a_mail_server_everything_says_so(kvmtui: Program) -> None:
    ran = kvmtui("mail", "test", "me@example.org")
    assert (ran.exit, ran.stdout) == (2, "") and "no mail server is set up" in ran.stderr
    assert "clients get no mails" in kvmtui("doctor").stdout
    empty = kvmtui("mail", "outbox")
    assert (empty.exit, empty.stdout) == (0, "") and "There are no mails." in empty.stderr


def test_a_certificate_that_is_not_trusted_is_exit_1_with_what_to_do(
    kvmtui: Program, certificates: Certificates, tmp_path: Path
) -> None:
    with Mailbox(tls=certificates.context()) as box:
        file = tmp_path / "tls.yaml"
        file.write_text(
            f"settings:\n  smtp: {{host: localhost, port: {box.port}, security: tls, sender: noc@example.com}}\n"
        )
        assert kvmtui("apply", str(file)).exit == 0
        ran = kvmtui("mail", "test", "me@example.org")
        assert ran.exit == 1 and "SSL_CERT_FILE" in ran.stderr and "Traceback" not in ran.stderr
        trusting = kvmtui("mail", "test", "me@example.org", SSL_CERT_FILE=certificates.ca)
        assert trusting.exit == 0 and len(box.received) == 1
