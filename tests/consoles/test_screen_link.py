"""Links to noVNC consoles: valid once, for seconds, for one browser, under our own name; and the proxy behind them."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from engine.actions.consoles import offer_screen
from engine.consoles import novnc
from engine.consoles.console_options import ConsoleSettings
from engine.consoles.proxy import ScreenProxy, Visitor
from engine.consoles.screen_offers import LINK_SECONDS, PAGE_SECONDS, SEAT_SECONDS, ScreenOffer
from engine.errors import Refused
from tests.consoles.conftest import ME, NAME, SERVICE, VMID, ConsoleSite
from tests.consoles.screen_browser import Browser, Hands, path_of


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def scripts(tmp_path: Path) -> dict[str, Path]:
    """Something that stands where noVNC would."""
    (tmp_path / "novnc" / "core").mkdir(parents=True)
    (tmp_path / "novnc" / "core" / "rfb.js").write_text("export default class {}\n")
    (tmp_path / "novnc" / "core" / "secret.key").write_text("no script\n")
    return dict(novnc.scripts([tmp_path / "novnc"]))


@pytest.fixture
def proxy(site: ConsoleSite, scripts: dict[str, Path], hands: Hands) -> Iterator[ScreenProxy]:
    with ScreenProxy(ConsoleSettings(), scripts, hands) as proxy:
        yield proxy


@pytest.fixture
def offer(proxy: ScreenProxy) -> tuple[ScreenOffer, str]:
    return offer_screen(ME, SERVICE, proxy)


@pytest.fixture
def browser(proxy: ScreenProxy) -> Browser:
    return Browser(proxy.port)


def test_a_screen_from_its_link_to_its_end(
    site: ConsoleSite, offer: tuple[ScreenOffer, str], browser: Browser
) -> None:
    found = browser.seat(browser.open(offer[1]))
    with browser.take(found["seat"]) as line:
        assert line.subprotocol == "binary"
        assert line.recv(timeout=5) == b"RFB 003.008\n"
        assert [each.kind for each in site.lab.consoles()] == ["screen"]
    ending = offer[0].wait()
    assert ending.well and ending.sentence == f"The screen of {NAME} was closed."
    (opened, closed) = site.trail()
    assert opened == ("console-open", {"console": "screen", "browser": "127.0.0.1"}, "done")
    assert closed[0] == "console-close" and closed[2] == ending.sentence


def test_a_link_works_once(offer: tuple[ScreenOffer, str], browser: Browser) -> None:
    browser.open(offer[1])
    again = browser.get(path_of(offer[1]))
    assert again.status == 410 and "used already" in again.text


def test_a_link_dies_after_ten_seconds(
    site: ConsoleSite, offer: tuple[ScreenOffer, str], browser: Browser, hands: Hands
) -> None:
    assert LINK_SECONDS == 10
    hands.now += 9.9
    assert offer[0].ending is None
    hands.now += 0.2
    assert browser.get(path_of(offer[1])).status == 410
    ending = offer[0].wait()
    assert not ending.well and "not opened within 10 seconds" in ending.sentence
    assert site.trail() == [], "no console was requested from Proxmox"


def test_a_link_opened_in_time_still_works_late_in_its_seconds(
    offer: tuple[ScreenOffer, str], browser: Browser, hands: Hands
) -> None:
    hands.now += 9.9
    assert browser.open(offer[1])
    assert browser.get(path_of(offer[1])).status == 410, "once"


@pytest.mark.parametrize("guess", ["", "x", "A" * 43, "../ticket"])
def test_a_guess_opens_nothing_and_spoils_nothing(
    offer: tuple[ScreenOffer, str], browser: Browser, guess: str
) -> None:
    assert browser.get(f"/open/{guess}").status == 410
    browser.open(offer[1])


def test_the_page_has_a_minute_and_the_seat_ten_seconds(
    site: ConsoleSite, proxy: ScreenProxy, browser: Browser, hands: Hands
) -> None:
    first, link = offer_screen(ME, SERVICE, proxy)
    key = browser.open(link)
    hands.now += PAGE_SECONDS
    assert browser.get("/ticket", X_Kvmtui_Key=key).status == 410
    assert "did not ask for its screen" in first.wait().sentence
    second, link = offer_screen(ME, SERVICE, proxy)
    seat = browser.seat(browser.open(link))["seat"]
    hands.now += SEAT_SECONDS
    with pytest.raises(InvalidStatus) as late, browser.take(seat):
        pass
    assert late.value.response.status_code == 403
    assert "did not connect in time" in second.wait().sentence
    assert site.trail()[-1][0] == "console-close"


def test_every_step_is_for_the_one_who_opened_the_link(
    offer: tuple[ScreenOffer, str], browser: Browser
) -> None:
    other = Browser(browser.port, source="127.0.0.2")
    key = browser.open(offer[1])
    assert other.get("/ticket", X_Kvmtui_Key=key).status == 410
    seat = browser.seat(key)["seat"]
    with pytest.raises(InvalidStatus), other.take(seat):
        pass
    with browser.take(seat) as line:
        assert line.recv(timeout=5)


def test_a_key_and_a_seat_work_once(offer: tuple[ScreenOffer, str], browser: Browser) -> None:
    key = browser.open(offer[1])
    seat = browser.seat(key)["seat"]
    assert browser.get("/ticket", X_Kvmtui_Key=key).status == 410
    with browser.take(seat):
        with pytest.raises(InvalidStatus) as again, browser.take(seat):
            pass
        assert again.value.response.status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "192.0.2.1", "", "x@127.0.0.1 "]
)
def test_a_name_that_is_not_ours_gets_nothing(
    offer: tuple[ScreenOffer, str], browser: Browser, host: str
) -> None:
    stranger = Browser(browser.port, host=host or "[")
    assert stranger.get(path_of(offer[1])).status in (400, 421)
    assert stranger.get("/page.js").status in (400, 421)
    browser.open(offer[1])


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1:9000", "[::1]:9000"])
def test_a_tunnel_may_end_at_another_port(
    offer: tuple[ScreenOffer, str], browser: Browser, host: str
) -> None:
    assert Browser(browser.port, host=host).get(path_of(offer[1])).status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1"])
def test_only_our_own_page_may_connect(offer: tuple[ScreenOffer, str], browser: Browser, origin: str) -> None:
    seat = browser.seat(browser.open(offer[1]))["seat"]
    with pytest.raises(InvalidStatus) as other, browser.take(seat, origin=origin):
        pass
    assert other.value.response.status_code == 403
    with browser.take(seat) as line:
        assert line.recv(timeout=5), "and the seat was not lost by that"


def test_every_answer_is_locked_down(offer: tuple[ScreenOffer, str], browser: Browser) -> None:
    browser.seat(browser.open(offer[1]))
    for path in ("/page.js", "/page.css", "/novnc/core/rfb.js", "/nothing", "/stream"):
        browser.get(path)
    for got in browser.seen:
        policy = got.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert got.headers["cache-control"] == "no-store"
        assert got.headers["referrer-policy"] == "no-referrer"
        assert got.headers["x-content-type-options"] == "nosniff"
        assert "server" not in got.headers and "set-cookie" not in got.headers


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/novnc/",
        "/novnc/core/secret.key",
        "/novnc/core/../core/rfb.js",
        "/novnc/../../secret.key",
        "/novnc/%2e%2e/kvmtui.db",
        "/page.html",
        "/__init__.py",
        "//etc/passwd",
    ],
)
def test_only_named_files_are_served(browser: Browser, path: str) -> None:
    assert browser.get(path).status == 404


def test_no_secret_is_logged_or_part_of_a_url(
    site: ConsoleSite, offer: tuple[ScreenOffer, str], browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    found = browser.seat(browser.open(offer[1]))
    with browser.take(found["seat"]) as line:
        line.recv(timeout=5)
    offer[0].wait()
    for secret in ("PVEVNC", found["password"], found["seat"], site.lab.token_secret):
        assert secret not in caplog.text
    for page in browser.seen[:1]:
        assert found["password"] not in page.text and "PVEVNC" not in page.text


def test_a_refusal_of_proxmox_is_reported_on_the_page_and_at_the_terminal(
    site: ConsoleSite, offer: tuple[ScreenOffer, str], browser: Browser
) -> None:
    site.lab.revoke("VM.Console", f"/vms/{VMID}")
    got = browser.get("/ticket", X_Kvmtui_Key=browser.open(offer[1]))
    assert got.status == 502
    assert "VM.Console" in json.loads(got.text)["sentence"]
    ending = offer[0].wait()
    assert not ending.well and "VM.Console" in ending.sentence


def test_the_guards_check_again_when_the_page_connects(
    site: ConsoleSite, offer: tuple[ScreenOffer, str], browser: Browser
) -> None:
    key = browser.open(offer[1])
    site.lab.foreign_config(VMID, description="sold to somebody else")
    got = browser.get("/ticket", X_Kvmtui_Key=key)
    assert got.status == 502 and "not ours" in got.text
    assert site.trail() == []


def test_a_vm_that_goes_off_ends_its_screen(
    site: ConsoleSite, offer: tuple[ScreenOffer, str], browser: Browser
) -> None:
    seat = browser.seat(browser.open(offer[1]))["seat"]
    with browser.take(seat) as line:
        line.recv(timeout=5)
        site.lab.foreign_power(VMID, "stopped")
        with pytest.raises(ConnectionClosed):
            line.recv(timeout=5)
    ending = offer[0].wait()
    assert not ending.well and "stopped or migrated" in ending.sentence


def test_a_console_that_closes_takes_its_screens_along(site: ConsoleSite, scripts: dict[str, Path]) -> None:
    with ScreenProxy(ConsoleSettings(), scripts) as proxy:
        waiting, _ = offer_screen(ME, SERVICE, proxy)
        shown, link = offer_screen(ME, SERVICE, proxy)
        browser = Browser(proxy.port)
        with browser.take(browser.seat(browser.open(link))["seat"]) as line:
            line.recv(timeout=5)
            proxy.close()
            with pytest.raises(ConnectionClosed):
                line.recv(timeout=5)
        assert waiting.wait().well and shown.wait().well
    assert site.trail()[-1][0] == "console-close"
    assert site.lab.consoles() == []


def test_it_closes_at_once_beside_a_connection_that_says_nothing(
    site: ConsoleSite, scripts: dict[str, Path]
) -> None:
    with ScreenProxy(ConsoleSettings(), scripts) as proxy:
        silent = socket.create_connection(("127.0.0.1", proxy.port))
        Browser(proxy.port).get("/page.js")  # by now the silent one was taken in
        began = time.monotonic()
    assert time.monotonic() - began < 3
    silent.close()


def test_it_closes_at_once_beside_a_connection_whose_thread_begins_late(
    site: ConsoleSite, scripts: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, closing = threading.Event(), threading.Event()
    welcome, turn_away = ScreenProxy._welcome, ScreenProxy._turn_away

    def late(self: ScreenProxy, *line: Any, **options: Any) -> Visitor:
        begin.set()
        assert closing.wait(10)
        return welcome(self, *line, **options)

    def turn(self: ScreenProxy) -> None:
        turn_away(self)
        closing.set()

    monkeypatch.setattr(ScreenProxy, "_welcome", late)
    monkeypatch.setattr(ScreenProxy, "_turn_away", turn)
    with ScreenProxy(ConsoleSettings(), scripts) as proxy:
        silent = socket.create_connection(("127.0.0.1", proxy.port))
        assert begin.wait(10)
        began = time.monotonic()
    assert time.monotonic() - began < 3
    silent.close()


@pytest.mark.parametrize("error", ["off", "foreign"])
def test_no_link_for_a_vm_that_cannot_be_seen(site: ConsoleSite, proxy: ScreenProxy, error: str) -> None:
    if error == "off":
        site.lab.foreign_power(VMID, "stopped")
    else:
        site.lab.foreign_config(VMID, description="")
    with pytest.raises(Refused):
        offer_screen(ME, SERVICE, proxy)


def test_several_screens_at_once_do_not_mix(site: ConsoleSite, proxy: ScreenProxy) -> None:
    browser = Browser(proxy.port)
    offers = [offer_screen(ME, SERVICE, proxy) for _ in range(3)]
    seats = [browser.seat(browser.open(link)) for _, link in reversed(offers)]
    with ExitStack() as opened:
        for each in seats:
            line = opened.enter_context(browser.take(each["seat"]))
            assert line.recv(timeout=5) == b"RFB 003.008\n"
        assert len(site.lab.consoles()) == 3
    assert all(each.wait().well for each, _ in offers)


def test_a_port_that_is_taken_is_reported(
    site: ConsoleSite, proxy: ScreenProxy, scripts: dict[str, Path]
) -> None:
    take: Callable[[], ScreenProxy] = lambda: ScreenProxy(ConsoleSettings(port=proxy.port), scripts)  # noqa: E731
    with pytest.raises(Refused, match=r"is taken.*\[console\] of config.toml"):
        take()
