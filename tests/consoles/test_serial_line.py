"""`kvmtui vm console` in a real pseudo terminal, with the guest's serial line on a simulated cluster."""

from __future__ import annotations

import signal
import stat
from collections.abc import Callable

import pytest

from engine.actions.consoles import open_serial
from engine.errors import Failed
from engine.store.database import database
from engine.store.models import Vm
from tests.conftest import Ran
from tests.consoles.conftest import ME, NAME, SERVICE, VMID, ConsoleSite
from tests.consoles.pseudo import Pseudo
from tests.waiting import until

Start = Callable[..., Pseudo]
Run = Callable[..., Ran]
LEAVE = b"\x1d"
PROMPT = b"vps-5546 login: "


@pytest.fixture
def attached(site: ConsoleSite, terminal: Start) -> Pseudo:
    """A terminal at the guest's login prompt."""
    shown = terminal("vm", "console", str(SERVICE))
    shown.until(PROMPT)
    return shown


def test_a_session_from_the_first_line_to_the_last(site: ConsoleSite, attached: Pseudo) -> None:
    assert f"Serial console of {NAME}; Ctrl+] leaves it.".encode() in attached.shown
    assert attached.raw
    attached.type(b"root\r")
    attached.until(b"Password: ")
    attached.type(b"hunter2hunter2\r")
    attached.until(b"root@vps-5546:~$ ")
    attached.type(b"echo one\x03two\r")  # Ctrl+C is the guest's
    attached.until(b"\r\nonetwo\r\n")
    attached.type(LEAVE)
    assert attached.ended() == 0
    assert attached.restored
    assert attached.last_line == f"Left the serial console of {NAME}; the VM keeps running."
    assert site.lab.guest(VMID).status == "running"
    until(lambda: site.lab.consoles() == [])


def test_both_ends_are_in_the_audit_trail_and_nothing_of_what_was_typed(
    site: ConsoleSite, attached: Pseudo
) -> None:
    attached.type(b"canary-in-the-console")
    attached.until(b"canary-in-the-console")
    attached.type(LEAVE)
    attached.ended()
    (opened, closed) = site.trail()
    assert opened == ("console-open", {"console": "serial"}, "done")
    assert closed[0] == "console-close" and closed[2] == "detached"
    assert closed[1]["console"] == "serial" and 0 <= closed[1]["seconds"] < 60
    kept = [each for each in site.home.rglob("*") if each.is_file()]
    for word in (b"canary-in-the-console", b"PVEVNC"):
        assert not [each for each in kept if word in each.read_bytes()], f"{word!r} was written to a file"


def test_the_size_of_the_terminal_reaches_the_cluster(site: ConsoleSite, attached: Pseudo) -> None:
    until(lambda: (site.lab.consoles()[0].columns, site.lab.consoles()[0].rows) == (80, 24))
    attached.resize(132, 43)
    until(lambda: (site.lab.consoles()[0].columns, site.lab.consoles()[0].rows) == (132, 43))
    assert len(site.lab.consoles()) == 1, "a resize opens no second console"


def test_what_a_hostile_guest_writes_does_not_reach_the_terminal(attached: Pseudo) -> None:
    attached.type(b"\x1b]52;c;cm0gLXJm\x07\x1b]0;owned\x07\x1bP$qm\x1b\\\x05\x1b[c\x1b[21t\x1b[31mred")
    attached.until(b"red")
    attached.type(LEAVE)
    attached.ended()
    shown = attached.shown[attached.shown.index(PROMPT) :]
    for hostile in (b"]52", b"cm0g", b"owned", b"$qm", b"\x05", b"\x1b[c", b"\x1b[21t"):
        assert hostile not in shown
    assert b"\x1b[31mred" in shown, "colours are harmless"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_restores_the_terminal(site: ConsoleSite, attached: Pseudo, number: signal.Signals) -> None:
    attached.process.send_signal(number)
    assert attached.ended() == 1
    assert attached.restored
    assert "A signal ended the serial console" in attached.last_line
    assert [each[2] for each in site.trail()] == ["done", "signal"]


def test_an_interrupt_from_outside_restores_the_terminal(site: ConsoleSite, attached: Pseudo) -> None:
    attached.process.send_signal(signal.SIGINT)
    assert attached.ended() == 130
    assert attached.restored
    assert [each[2] for each in site.trail()] == ["done", "broken off"]


def test_a_terminal_that_goes_away_ends_it(site: ConsoleSite, attached: Pseudo) -> None:
    assert attached.hang_up() == 1
    until(lambda: site.lab.consoles() == [])
    assert site.trail()[-1][0] == "console-close"


def test_a_lost_line_is_reported_and_restores_the_terminal(site: ConsoleSite, attached: Pseudo) -> None:
    site.lab.cut_consoles(VMID)
    assert attached.ended() == 1
    assert attached.restored
    assert "The connection to the serial console of vps-5546 was lost." in attached.last_line
    assert site.trail()[-1][2] == "lost"


def test_a_vm_that_goes_off_ends_it_in_order(site: ConsoleSite, attached: Pseudo) -> None:
    site.lab.foreign_power(VMID, "stopped")
    assert attached.ended() == 0
    assert attached.restored
    assert "stopped or migrated" in attached.last_line
    assert site.trail()[-1][2] == "ended"


def test_another_key_leaves_when_it_is_asked_for(site: ConsoleSite, terminal: Start) -> None:
    shown = terminal("vm", "console", NAME, "--detach", "^a")
    shown.until(b"Ctrl+A leaves it")
    shown.until(PROMPT)
    shown.type(LEAVE + b"still here")
    shown.until(b"still here")
    shown.type(b"\x01")
    assert shown.ended() == 0


def test_the_key_of_the_configuration_leaves(site: ConsoleSite, terminal: Start) -> None:
    (site.home / "config.toml").write_text('[console]\ndetach = "ctrl+x"\n')
    shown = terminal("vm", "console", f"vmid:{VMID}")
    shown.until(PROMPT)
    shown.type(b"\x18")
    assert shown.ended() == 0


def test_a_log_holds_what_was_shown_for_its_owner_alone(site: ConsoleSite, terminal: Start) -> None:
    file = site.home / "session.log"
    shown = terminal("vm", "console", str(SERVICE), "--log", str(file))
    shown.until(PROMPT)
    shown.type(b"abc")
    shown.until(b"abc")
    shown.type(LEAVE)
    assert shown.ended() == 0
    assert file.read_text().endswith("vps-5546 login: abc")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = terminal("vm", "console", str(SERVICE), "--log", str(file))
    assert again.ended() == 2 and "is there already" in again.last_line
    assert len(site.trail()) == 2, "a refused log opens no console"


def test_it_needs_a_terminal(kvmtui: Run, site: ConsoleSite) -> None:
    ran = kvmtui("vm", "console", str(SERVICE))
    assert (ran.exit, ran.stdout) == (2, "")
    assert "needs a terminal" in ran.stderr
    assert site.trail() == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "VM required"),
        (("5546", "--json"), "add --vnc"),
        (("5546", "--listen", "127.0.0.1"), "add --vnc"),
        (("5546", "--vnc", "--detach", "^a"), "for the serial console"),
        (("--get-novnc", "--vnc"), "cannot be combined"),
    ],
)
def test_options_that_do_nothing_are_refused(kvmtui: Run, words: tuple[str, ...], said: str) -> None:
    ran = kvmtui("vm", "console", *words)
    assert ran.exit == 2 and said in ran.stderr


class TestRefusals:
    """Nothing is opened, and the last line says why."""

    def refused(self, terminal: Start, site: ConsoleSite, *words: str, status: int = 2) -> str:
        shown = terminal(*(words or ("vm", "console", str(SERVICE))))
        assert shown.ended() == status, shown.shown
        assert shown.restored
        assert site.lab.consoles() == []
        assert not [each for each in site.trail() if each[2] == "detached"]
        return " ".join(shown.shown.decode().split())

    def test_a_read_only_console_opens_none(self, terminal: Start, site: ConsoleSite) -> None:
        said = self.refused(terminal, site, "--read-only", "vm", "console", str(SERVICE))
        assert "--read-only" in said

    def test_a_vm_without_a_serial_port(self, terminal: Start, site: ConsoleSite) -> None:
        site.lab.foreign_config(VMID, serial0=None)
        said = self.refused(terminal, site)
        assert "has no serial port" in said and "--serial0 socket" in said

    def test_a_vm_that_is_off(self, terminal: Start, site: ConsoleSite) -> None:
        site.lab.foreign_power(VMID, "stopped")
        assert f"kvmtui vm start {SERVICE}" in self.refused(terminal, site)

    def test_a_vm_that_is_not_ours(self, terminal: Start, site: ConsoleSite) -> None:
        site.lab.foreign_config(VMID, description="somebody's mail server")
        said = self.refused(terminal, site)
        assert "VMID 100 was not touched" in said and "carries no mark" in said
        assert site.trail() == []

    def test_a_service_whose_vm_is_not_made_yet(self, terminal: Start, site: ConsoleSite) -> None:
        Vm.update(vmid=None).execute()
        assert "is not on Proxmox" in self.refused(terminal, site)

    def test_a_token_that_may_not_open_consoles(self, terminal: Start, site: ConsoleSite) -> None:
        site.lab.revoke("VM.Console", f"/vms/{VMID}")
        said = self.refused(terminal, site, status=1)
        assert "VM.Console" in said and "Traceback" not in said

    def test_a_key_a_console_cannot_do_without(self, terminal: Start, site: ConsoleSite) -> None:
        said = self.refused(terminal, site, "vm", "console", str(SERVICE), "--detach", "ctrl+m")
        assert "Enter" in said

    def test_an_unknown_vm(self, terminal: Start, site: ConsoleSite) -> None:
        assert "nobody" in self.refused(terminal, site, "vm", "console", "nobody")


def test_what_cannot_be_written_down_is_not_opened(site: ConsoleSite) -> None:
    database.execute_sql("ALTER TABLE audit RENAME TO lost")
    with pytest.raises(Failed, match="no such table"):
        open_serial(ME, SERVICE)
    assert site.lab.consoles() == []
