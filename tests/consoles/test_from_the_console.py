"""Key `o` of the console in a real terminal: the serial console gets the terminal and restores it; a link is served."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from engine.actions import vms
from engine.clock import now_ms
from engine.store.models import Run, Worker
from engine.work.workers import STALE_MS
from tests.consoles.conftest import ME, NAME, SERVICE, VMID, ConsoleSite
from tests.consoles.screen_browser import Browser
from tests.journeys.terminal import Terminal, opened
from tests.waiting import until


@pytest.fixture
def page(site: ConsoleSite, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Opens the console on the page of the VM."""
    (tmp_path / "novnc" / "core").mkdir(parents=True)
    (tmp_path / "novnc" / "core" / "rfb.js").write_text("export default class {}\n")
    with ExitStack() as all_of_them:

        def start(*arguments: str) -> Terminal:
            one: AbstractContextManager[Terminal] = opened(
                site.home, tmp_path / "tmux", *arguments, size=(100, 30)
            )
            shown = all_of_them.enter_context(one)
            shown.until("Needs you")
            shown.press("2")
            shown.until(NAME)
            shown.press("Enter")
            shown.until("Overview")
            return shown

        yield start


def test_the_serial_console_takes_the_terminal_and_restores_it(
    site: ConsoleSite, page: Callable[..., Terminal]
) -> None:
    shown = page()
    shown.press("o")
    shown.until(f"Console of {NAME}", "serial", "screen")
    shown.press("Enter")
    shown.until(f"Serial console of {NAME}; Ctrl+] goes back to kvmtui.", "vps-5546 login:")
    assert "Overview" not in shown.screen()
    shown.type("root\r")
    shown.until("Password:")
    shown.type("secret\r")
    shown.until("root@vps-5546:~$")
    shown.resize(90, 28)
    until(lambda: (site.lab.consoles()[0].columns, site.lab.consoles()[0].rows) == (90, 28))
    shown.type("".join(f"echo line {number}\r" for number in range(60)))
    shown.until("line 59")
    assert engine_works()
    shown.press("C-]")
    shown.until(f"Left the serial console of {NAME}", "line 59")
    shown.press("Home")
    shown.until("starting serial terminal", "Password:")
    shown.press("Escape")
    shown.until("Overview", "Processor")
    shown.press("q")
    assert shown.ended() == 0 and shown.restored
    assert [each[2] for each in site.trail()] == ["done", "detached"]


def engine_works() -> bool:
    """Whether the engine of the console that lent its terminal carries out a request."""
    vms.sync_dns(ME, SERVICE)
    done = Run.select().where(Run.action == "SetDnsRecords", Run.result == "success")
    until(done.exists)
    return bool(done.exists())


def test_a_serial_console_opened_right_after_the_start_does_not_hold_up_the_engine(
    site: ConsoleSite, tmp_path: Path
) -> None:
    with opened(site.home, tmp_path / "tmux", size=(100, 30)) as shown:
        shown.until("Needs you")
        shown.press("2", "Enter", "o", "Enter")
        shown.until("vps-5546 login:")
        assert engine_works()


def test_a_console_in_a_serial_line_takes_over_from_a_daemon_that_died(
    site: ConsoleSite, page: Callable[..., Terminal]
) -> None:
    daemon = Worker.create(
        id="gone", kind="daemon", host="other", pid=1, version="1", started_at=now_ms(), heartbeat_at=now_ms()
    )
    shown = page()
    shown.press("o")
    shown.until(f"Console of {NAME}")
    shown.press("Enter")
    shown.until("vps-5546 login:")
    Worker.update(heartbeat_at=now_ms() - 10 * STALE_MS).where(Worker.id == daemon.id).execute()
    assert engine_works()


def test_a_signal_at_the_serial_line_ends_the_console_too(
    site: ConsoleSite, page: Callable[..., Terminal]
) -> None:
    shown = page()
    shown.press("o")
    shown.until(f"Console of {NAME}")
    shown.press("Enter")
    shown.until("vps-5546 login:")
    shown.signal(signal.SIGTERM)
    assert shown.ended() == 0 and shown.restored
    assert [each[2] for each in site.trail()] == ["done", "signal"]


def test_a_refusal_is_a_sentence_and_the_page_stays(site: ConsoleSite, page: Callable[..., Terminal]) -> None:
    site.lab.foreign_power(VMID, "stopped")
    shown = page()
    shown.press("o")
    shown.until(f"Console of {NAME}")
    shown.press("Enter")
    shown.until("is switched off", "Overview")
    assert site.trail() == []


def test_a_read_only_console_opens_none(site: ConsoleSite, page: Callable[..., Terminal]) -> None:
    shown = page("--read-only")
    shown.press("o")
    shown.until("Read-only console")
    assert site.trail() == []


def test_a_link_is_served_as_long_as_the_console_runs(
    site: ConsoleSite, page: Callable[..., Terminal]
) -> None:
    shown = page()
    shown.press("o")
    shown.until(f"Console of {NAME}")
    shown.press("Down", "Enter")
    seen = shown.until(f"Screen of {NAME}", "Open it within")
    link = re.search(r"http://127\.0\.0\.1:(\d+)/open/[\w-]{43}", seen)
    assert link
    browser = Browser(int(link[1]))
    with browser.take(browser.seat(browser.open(link[0]))["seat"]) as line:
        assert line.recv(timeout=5) == b"RFB 003.008\n"
        shown.until("It is open in a browser.")
        shown.press("Escape")
        shown.until("Overview", "Processor")
        assert [each.kind for each in site.lab.consoles()] == ["screen"], (
            "the dialog is gone, the screen is not"
        )
        shown.press("q")
        assert shown.ended() == 0 and shown.restored
    assert site.lab.consoles() == []
    assert site.trail()[-1][0] == "console-close"
