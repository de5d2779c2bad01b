"""Mails of a real life: the installed program, a cluster, and a mail server that is judged by what arrived."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.pipelines.steps.crypt import sha512_crypt
from kvmtui.lab.mailbox import Mailbox, Received
from tests.journeys.conftest import Journey

SMTP = """
settings:
  smtp: {{host: 127.0.0.1, port: {port}, security: none, sender: noc@example.com}}
clients:
  - {{name: Zażółć, email: kunde@acme.example, language: de}}
"""


@pytest.fixture
def box(journey: Journey, tmp_path: Path) -> Iterator[Mailbox]:
    """A mail server in use by the site, and a client who reads German."""
    with Mailbox() as box:
        file = tmp_path / "mail.yaml"
        file.write_text(SMTP.format(port=box.port))
        journey.ok("apply", str(file))
        yield box


def text_of(mail: Received) -> str:
    part = mail.message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def fact(mail: Received, label: str) -> str:
    """What stands after a label in a mail."""
    return next(
        line.split(": ", 1)[1] for line in text_of(mail).splitlines() if line.startswith(f"{label}: ")
    )


def received(box: Mailbox, recipient: str = "kunde@acme.example") -> list[Received]:
    """What this client got; the site's first service has another one."""
    return [mail for mail in box.received if mail.recipients == (recipient,)]


def subjects(mails: list[Received]) -> list[str]:
    return [str(mail.message["Subject"]) for mail in mails]


def test_a_deploy_sends_one_welcome_and_one_ready_mail_with_the_right_password(
    journey: Journey, box: Mailbox
) -> None:
    said = journey.ok("service", "create", "--client", "Zażółć", "--product", "VPS-2", "--wait=60")
    assert "mail 'ready' queued for kunde@acme.example" in said
    assert subjects(received(box)) == [
        "Ihr neuer Server VPS-2 wird eingerichtet",
        "Ihr Server vps-5547.example.com ist bereit",
    ]
    welcome, ready = received(box)
    assert "Passwort" not in text_of(welcome)
    vm = journey.vm(5547)
    assert fact(ready, "IP-Adressen") == vm["ips"][0]["address"]
    config = journey.guest(5547)["config"]
    password, kept = fact(ready, "Passwort"), config["cipassword"]
    assert sha512_crypt(password, kept.split("$")[2]) == kept
    assert fact(ready, "Benutzername") == config["ciuser"]
    assert str(ready.message["To"]) == "Zażółć <kunde@acme.example>"
    journey.ok("cron", "--force")  # whatever runs afterwards: no mail twice
    assert len(received(box)) == 2
    (mine, *_) = [
        row for row in journey.json("mail", "outbox", "--status", "sent") if row["service_id"] == 5547
    ]
    assert (mine["template"], mine["state"], mine["attempts"]) == ("ready", "sent", 1)
    everything = journey.ok("vm", "log", "5547", "--json") + journey.ok("mail", "outbox", "--json")
    logs = "".join(path.read_text() for path in (journey.home / "logs").glob("*.log"))
    assert password not in everything + logs + said
    database = (journey.home / "kvmtui.db").read_bytes()
    assert password.encode() not in database


def test_each_of_the_other_mails_goes_out_with_what_it_speaks_of(journey: Journey, box: Mailbox) -> None:
    with journey.daemon():
        journey.ok("service", "create", "--client", "Zażółć", "--product", "VPS-2", "--wait=60")
        journey.ok("vm", "stop", "5547", "--wait=60")  # off, so that cloud-init sets the password
        journey.ok("vm", "password", "5547", "--wait=60")
        journey.ok("service", "change-package", "5547", "--option", "cores=4", "--wait=60")
    journey.ok("cron", "--force")
    mine = received(box)
    assert subjects(mine[2:]) == [
        "Neues Passwort für vps-5547.example.com",
        "Das Paket von vps-5547.example.com wurde geändert",
    ]
    _, ready, password, changed = mine
    kept = journey.guest(5547)["config"]["cipassword"]
    assert sha512_crypt(fact(password, "Passwort"), kept.split("$")[2]) == kept
    assert fact(password, "Passwort") != fact(ready, "Passwort")
    assert fact(changed, "CPU-Kerne") == "4" and "Passwort" not in text_of(changed)


def test_mails_wait_for_a_server_that_is_away_and_the_deploy_does_not(
    journey: Journey, box: Mailbox, tmp_path: Path
) -> None:
    (tmp_path / "away.yaml").write_text(SMTP.format(port=1))
    journey.ok("apply", str(tmp_path / "away.yaml"))
    journey.ok("service", "create", "--client", "Acme", "--product", "VPS-2", "--wait=60")
    assert journey.vm(5547)["vm_status"] == "ready"
    waiting = [
        row for row in journey.json("mail", "outbox", "--status", "pending") if row["service_id"] == 5547
    ]
    assert [(row["template"], row["attempts"]) for row in waiting] == [("ready", 0), ("welcome", 0)]
    assert "127.0.0.1:1" in waiting[1]["error"]
    doctor = journey.run("doctor", "--json")
    assert doctor.exit == 1 and "The mail server 127.0.0.1:1 cannot be used" in doctor.stdout
    journey.ok("apply", str(tmp_path / "mail.yaml"))
    journey.ok("cron", "--force")
    mine = [mail for mail in received(box, "ops@acme.example") if "5547" in text_of(mail)]
    assert subjects(mine) == [
        "Your new server VPS-2 is being set up",
        "Your server vps-5547.example.com is ready",
    ]
