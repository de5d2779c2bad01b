"""The client's page in Chromium: opened from a shop's site, checked by axe-core, small and large, light and dark."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kvmtui.lab.screen import WIDTH
from tests.client_page import axe
from tests.client_page.conftest import ClientSite
from tests.consoles import chromium
from tests.consoles.test_in_a_browser import _CANVAS as CANVAS
from tests.consoles.test_in_a_browser import scripts as scripts

SECTIONS = ("", "network", "charts", "snapshots", "backups", "iso", "reinstall")
PHONE, DESKTOP = 360, 1280


def without(reason: str) -> None:
    """Skips, but not where the browser must be."""
    if os.environ.get("KVMTUI_REQUIRE_CHROMIUM") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def checker(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of axe-core."""
    found = axe.script(tmp_path_factory.mktemp("axe"))
    if found is None:
        without("npm did not fetch axe-core")
    assert found
    return found


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Page]:
    """One browser for the module; each test opens links of its own."""
    if chromium.program() is None:
        without("there is no Chromium on this machine")
    with chromium.running(tmp_path_factory.mktemp("browser")) as page:
        yield page


@contextmanager
def shop(html: Callable[[], str]) -> Iterator[str]:
    """A page of another site, which browsers tell from 127.0.0.1 by its name."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = html().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def shown(page: chromium.Page, width: int, theme: str) -> None:
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
    page.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 500
    )


def opened(page: chromium.Page, url: str) -> None:
    """A page of ours that is loaded and not the one before."""
    page.ask("window.before = true")
    page.open(url)
    page.until("!window.before && document.readyState === 'complete' && !!document.getElementById('content')")


def entered(page: chromium.Page, pages: ClientSite, service: int = 5546, **body: bool) -> None:
    page.call("Network.clearBrowserCookies")
    page.complaints.clear()
    page.open(pages.link(service, **body))
    page.until("location.pathname === '/client/' && !!document.getElementById('work')")


def test_a_link_on_a_shops_page_opens_although_the_cookie_is_strict(
    pages: ClientSite, browser: chromium.Page
) -> None:
    url = pages.whole.url
    for target in ("_self", "_blank"):
        link = pages.link()
        with shop(
            lambda link=link, target=target: f'<a id="to" href="{link}" target="{target}">My server</a>'
        ) as there:  # type: ignore[misc]
            browser.open(there)
            browser.until("!!document.getElementById('to')")
            if target == "_blank":
                browser.ask("document.getElementById('to').target = '_self'; window.name = 'other'")
            browser.ask("document.getElementById('to').click()")
            browser.until("location.pathname === '/client/' && !!document.getElementById('work')")
            assert "vps-5546.example.com" in browser.ask("document.body.innerText")
            cookies = browser.call("Network.getCookies", urls=[url])["cookies"]
            (cookie,) = [each for each in cookies if each["name"] == "kvmtui-client"]
            assert cookie["httpOnly"] and cookie["secure"] and cookie["sameSite"] == "Strict"
            assert "kvmtui-client" not in browser.ask("document.cookie")
    with shop(lambda: f'<a id="to" href="{url}/client/">My server</a>') as there:
        browser.open(there)
        browser.until("!!document.getElementById('to')")
        browser.ask("document.getElementById('to').click()")
        browser.until("document.body.innerText.includes('Your session has ended')")


def test_another_site_can_neither_frame_it_nor_send_its_forms(
    pages: ClientSite, browser: chromium.Page
) -> None:
    entered(browser, pages)
    url, before = pages.whole.url, requests(pages)
    attack = (
        f'<iframe id="frame" src="{url}/client/"></iframe><form id="form" method="post" action="{url}/client/do/stop">'
        '<input name="sure" value="yes"><input name="nonce" value="0123456789abcdef"></form>'
    )
    with shop(lambda: attack) as there:
        browser.open(there)
        browser.until("document.readyState === 'complete' && !!document.getElementById('form')")
        browser.until("(document.getElementById('frame').contentDocument || null) === null")
        assert any("frame" in each for each in browser.complaints), browser.complaints
        browser.ask("document.getElementById('form').submit()")
        browser.until("document.body.innerText.includes('Your session has ended')")
    assert requests(pages) == before


@pytest.mark.timeout(240)
def test_axe_finds_nothing_in_any_section(pages: ClientSite, browser: chromium.Page, checker: str) -> None:
    url = pages.whole.url
    entered(browser, pages, 6000)
    for verb, fields in (("snapshot-create", "name=before-upgrade"), ("backup-create", "")):
        opened(browser, f"{url}/client/{verb.partition('-')[0]}s")
        earlier = browser.ask("work().dataset.request")
        if fields:
            browser.ask("document.getElementById('name').value = 'before-upgrade'")
        browser.ask(f"document.querySelector('form[action$=\"{verb}\"]').requestSubmit()")
        browser.until(f"document.getElementById('work') && work().dataset.request !== '{earlier}'")
        browser.until("document.getElementById('work')?.dataset.state === 'done'")
    wrong: list[str] = []
    for width, theme, language in (
        (PHONE, "dark", "ar"),
        (DESKTOP, "light", "en"),
        (PHONE, "light", "hu"),
        (DESKTOP, "dark", "de"),
    ):
        shown(browser, width, theme)
        opened(browser, f"{url}/client/")
        browser.ask(f"document.getElementById('language').value = '{language}'")
        browser.ask("document.querySelector('form[action$=language]').requestSubmit()")
        browser.until(f"document.documentElement.lang === '{language}' && document.readyState === 'complete'")
        for section in SECTIONS if language in ("ar", "en") else ("", "backups"):
            opened(browser, f"{url}/client/{section}")
            browser.ask("document.querySelectorAll('details').forEach(each => each.open = true)")
            wrong += [f"{section} {width} {theme}: {each}" for each in axe.violations(browser, checker)]
            if (wide := browser.ask("document.documentElement.scrollWidth")) > width:
                wrong.append(f"{section} {width} {theme} {language}: {wide} pixels wide")
    assert wrong == [] and browser.complaints == []


@pytest.mark.timeout(240)
def test_axe_finds_nothing_in_messages_and_views(
    pages: ClientSite, browser: chromium.Page, checker: str
) -> None:
    wrong: list[str] = []
    shown(browser, PHONE, "dark")
    for path in ("/client/enter/unknown", "/client/nothing"):
        opened(browser, pages.whole.url + path)
        wrong += axe.violations(browser, checker)
    pages.whole.lab.do("faults", kind="task-error", task="qmstop", text="no luck")
    for theme in ("light", "dark"):
        shown(browser, DESKTOP, theme)
        entered(browser, pages, 6000, view=True)
        wrong += axe.violations(browser, checker)
    entered(browser, pages, 6000)
    browser.ask("document.querySelector('form[action$=\"do/password\"]').requestSubmit()")
    browser.until("!!document.querySelector('form[action$=\"/client/password\"]')")
    for theme in ("light", "dark"):
        shown(browser, DESKTOP, theme)
        wrong += axe.violations(browser, checker)
    browser.ask("document.querySelector('form[action$=\"/client/password\"]').requestSubmit()")
    browser.until("document.querySelectorAll('code').length === 2")
    wrong += axe.violations(browser, checker)
    pages.whole.lab.do("faults/clear")
    assert wrong == []


def test_progress_is_shown_without_a_reload_by_hand_and_a_second_click_does_nothing(
    pages: ClientSite, browser: chromium.Page
) -> None:
    shown(browser, DESKTOP, "light")
    entered(browser, pages)
    before, shown_before = (
        len(requests(pages)),
        browser.ask("document.getElementById('work').dataset.request"),
    )
    browser.ask("window.form = document.querySelector('form[action$=\"do/reboot\"]')")
    browser.ask("form.requestSubmit(); form.requestSubmit()")
    browser.until(f"document.getElementById('work')?.dataset.request !== '{shown_before}'")
    browser.until("document.getElementById('work')?.dataset.state === 'done'")
    assert len(requests(pages)) == before + 1
    assert browser.complaints == []


def requests(pages: ClientSite) -> list[int]:
    log = pages.whole.call("GET", "/api/v1/services/5546/vm/log", 200)["items"]
    return [each["id"] for each in log]


@pytest.mark.timeout(180)
def test_the_console_opens_from_the_page(pages: ClientSite, browser: chromium.Page, scripts: Path) -> None:
    if not (pages.whole.home / "novnc").exists():
        shutil.copytree(scripts, pages.whole.home / "novnc")
    entered(browser, pages)
    browser.ask("document.querySelector('form[action$=\"/client/console\"]').target = '_self'")
    browser.ask("document.querySelector('form[action$=\"/client/console\"]').requestSubmit()")
    browser.until(f"location.pathname === '/' && !!{CANVAS} && {CANVAS}.width === {WIDTH}")
    rows = pages.whole.call("GET", "/api/v1/audit?limit=5", 200)["items"]
    assert any(each["action"] == "console-open" and each["login"] == "client:5546" for each in rows)
    browser.open("about:blank")
    time.sleep(0.1)
