"""`kvmtui web`: the console in a real browser, and who is not let in."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import Ran, clean_environment
from tests.consoles import chromium
from tests.journeys.conftest import Journey
from tests.journeys.test_console_life import use_template
from tests.waiting import until

WITHIN = 60.0


@contextmanager
def served(home: Path, *options: str, tokens: bool = False) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The program while it serves, and the address it printed; `tokens`: people sign in."""
    listen = f"127.0.0.1:{free_port()}"
    if tokens:
        options += ("--behind-proxy", "--public-url", f"http://{listen}", "--proxy", "127.0.0.1")
    process = subprocess.Popen(
        [sys.executable, "-m", "kvmtui", "web", "--listen", listen, *options],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=clean_environment(home),
    )  # fmt: skip
    try:
        assert process.stdout
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), address
        until(lambda: status(address, "/static/css/xterm.css") == 403)
        yield process, address
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stdout
        process.stdout.close()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def ask(address: str, path: str, **headers: str) -> tuple[int, http.client.HTTPMessage, str]:
    line = http.client.HTTPConnection(urlsplit(address).netloc, timeout=10)
    try:
        line.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = line.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        line.close()


def status(address: str, path: str, **headers: str) -> int:
    try:
        return ask(address, path, **headers)[0]
    except ConnectionError:
        return 0


def cookie(address: str) -> str:
    """What a browser with the right address gets."""
    answered, headers, _ = ask(address, f"/?{urlsplit(address).query}")
    assert answered == 303
    return headers["Set-Cookie"]


class Browser:
    """A page with the console: keys in, what was drawn since the last key out."""

    def __init__(self, page: chromium.Page) -> None:
        self.page = page
        self._from = 0

    def press(self, *keys: str) -> None:
        self._from = len(self.page.received)
        for key in keys:
            code, text = _NAMED.get(key, (0, key))
            named = {"windowsVirtualKeyCode": code} if code else {}
            self.page.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=text, **named)
            self.page.call("Input.dispatchKeyEvent", type="keyUp", key=key, **named)

    def until(self, *texts: str) -> None:
        end = time.monotonic() + WITHIN
        while not all(text in self.drawn() for text in texts):
            assert time.monotonic() < end, f"not drawn: {texts}\n{self.drawn()[-3000:]}"
            self.page.ask("1")  # reads what arrived
            time.sleep(0.1)

    def drawn(self) -> str:
        return re.sub(
            r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.page.received[self._from :].decode("utf-8", "replace")
        )


_NAMED = {"Enter": (13, "\r"), "ArrowDown": (40, ""), "Escape": (27, "")}


@pytest.mark.skipif(
    chromium.program() is None and os.environ.get("KVMTUI_REQUIRE_CHROMIUM") != "1", reason="needs Chromium"
)
def test_reset_and_redeploy_in_a_browser(journey: Journey, tmp_path: Path) -> None:
    with served(journey.home) as (_, address), chromium.running(tmp_path / "browser") as page:
        page.call(
            "Emulation.setDeviceMetricsOverride", width=1300, height=850, deviceScaleFactor=1, mobile=False
        )
        page.open(address)
        shown = Browser(page)
        shown.until("Needs you", "engine here")
        shown.press("2")
        shown.until("1 VM", "5546")
        shown.press("Enter")
        shown.until("vps-5546.example.com", "Addresses")
        shown.press("r")
        shown.until("Reset VM vps-5546 to", "set_dns_records")
        shown.press(*["ArrowDown"] * 4, "Enter")
        shown.until("Reset vps-5546 (service 5546) to set_dns_records?")
        shown.press("Enter")
        until(lambda: journey.vm()["last_run"]["action"] == "SetDnsRecords")
        until(lambda: journey.vm()["vm_status"] == "ready")
        use_template(journey, tmp_path, "not-there")
        journey.ok("service", "create", "--client", "Acme", "--product", "VPS-2", "--id", "5547")
        shown.press(":", *"5547", "Enter")
        shown.until("not-there is not on server pve-lab")
        use_template(journey, tmp_path, "9002")
        shown.press("R")
        shown.until("Redeploy vps-5547", "deleted on Proxmox")
        shown.press(*"vps-5547", "Enter")
        until(lambda: journey.vm(5547)["vm_status"] == "ready")
        done = [row for row in journey.json("audit") if row["action"] in ("reset", "redeploy")]
        assert {row["action"] for row in done} == {"reset", "redeploy"}
        assert all(row["ssh_client"] == "127.0.0.1" and row["source"] == "console" for row in done)
        assert not page.complaints
        page.open("about:blank")
        until(lambda: not consoles_of(journey.home))


def consoles_of(home: Path) -> list[int]:
    """The console processes of a site; the server itself is none."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            environment = (folder / "environ").read_bytes()
        except OSError:
            continue
        if b"kvmtui" in words and b"web" not in words and f"KVMTUI_HOME={home}".encode() in environment:
            found.append(int(folder.name))
    return found


def test_nobody_gets_in_without_the_key(journey: Journey) -> None:
    with served(journey.home) as (_, address):
        for path in ("/", "/?key=wrong", "/ws", "/page.js", "/static/js/textual.js", "/download/x"):
            answered, headers, said = ask(address, path)
            assert (answered, "set-cookie" in {name.lower() for name in headers}) == (403, False), path
            assert "needs the address with its key" in said
        given = cookie(address)
        assert "HttpOnly" in given and "SameSite=Strict" in given
        session = given.partition(";")[0]
        answered, headers, page = ask(address, "/", Cookie=session)
        assert answered == 200 and "Opening the console" in page
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "//" not in re.sub(r"(ws://127\.0\.0\.1|data:)[^\"]*", "", page), (
            "something is fetched from outside"
        )
        assert status(address, "/", Cookie=session, Host="evil.example") == 421
        assert status(address, "/ws", Cookie=session, Origin="https://evil.example") == 403
        assert not consoles_of(journey.home)


def test_only_so_many_consoles_are_open_at_once(journey: Journey, tmp_path: Path) -> None:
    from websockets.sync.client import connect

    with served(journey.home, "--consoles", "1", "--read-only") as (process, address):
        session = {"Cookie": cookie(address).partition(";")[0]}
        socket_address = f"ws://{urlsplit(address).netloc}/ws?width=100&height=30"
        with connect(socket_address, additional_headers=session, proxy=None) as line:
            line.recv(timeout=WITHIN)
            assert status(address, "/", **session) == 503
            line.send('["stdin"]')  # not what a page sends
            until(lambda: status(address, "/", **session) == 200)
        with connect(socket_address, additional_headers=session, proxy=None) as line:
            line.recv(timeout=WITHIN)
            until(lambda: len(consoles_of(journey.home)) > 0)
            process.kill()
            process.wait()
            until(lambda: not consoles_of(journey.home))
            process.send_signal = lambda number: None  # type: ignore[method-assign]
            process.wait = lambda timeout=None: 0  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--listen", "0.0.0.0:8461"], "loopback only, and 0.0.0.0 is not"),
        (["--listen", "nonsense"], "is not ADDRESS:PORT"),
        (["--listen", "127.0.0.1:0"], "has no port"),
        (["--public-url", "https://ops.example.com"], "public_url needs behind_proxy"),
        (["--behind-proxy"], "behind_proxy needs public_url"),
        (["--behind-proxy", "--public-url", "http://ops.example.com"], "use https"),
        (["--behind-proxy", "--public-url", "https://ops.example.com", "--proxy", "x"], "not an IP address"),
        (
            ["--behind-proxy", "--public-url", "https://ops.example.com", "--demo"],
            "--demo cannot be combined",
        ),
    ],
)
def test_what_is_refused(kvmtui: Callable[..., Ran], options: list[str], said: str) -> None:
    ran = kvmtui("web", *options)
    assert ran.exit == 2 and said in ran.stderr and not ran.stdout
