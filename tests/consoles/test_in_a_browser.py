"""The link of `kvmtui vm console --vnc` in a real browser: noVNC shows the guest's screen and types at it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.consoles import novnc
from engine.errors import KvmtuiError
from kvmtui.lab.screen import HEIGHT, WIDTH
from tests.conftest import clean_environment
from tests.consoles import chromium
from tests.consoles.conftest import NAME, SERVICE, ConsoleSite

_CANVAS = "document.querySelector('#screen canvas')"
_PIXELS = f"Array.from({_CANVAS}.getContext('2d').getImageData(0, 0, {WIDTH}, {HEIGHT}).data)"


@pytest.fixture(scope="session")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """noVNC: the one that KVMTUI_NOVNC names, this system's, or fetched once by npm."""
    there = Path(os.environ.get("KVMTUI_NOVNC", "/usr/share/novnc"))
    if (there / "core" / "rfb.js").exists():
        return there
    folder = tmp_path_factory.mktemp("novnc") / "novnc"
    try:
        novnc.fetch(folder)
    except KvmtuiError as error:
        _without(error.sentence)
    return folder


def _without(reason: str) -> None:
    """Skips, but not where the browser must be."""
    if os.environ.get("KVMTUI_REQUIRE_CHROMIUM") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def offered(site: ConsoleSite) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The program while it serves a link, and what it said about it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "kvmtui", "vm", "console", str(SERVICE), "--vnc", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment(site.home),
    )  # fmt: skip
    try:
        assert process.stdout and process.stderr
        lines = iter(process.stdout.readline, "")
        document = ""
        for line in lines:
            document += line
            if line == "}\n":
                break
        yield process, json.loads(document)
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_the_screen_of_a_vm_in_a_real_browser(site: ConsoleSite, scripts: Path, tmp_path: Path) -> None:
    if chromium.program() is None:
        _without("there is no Chromium on this machine")
    (site.home / "config.toml").write_text(f'[console]\nnovnc = "{scripts}"\n')
    with chromium.running(tmp_path / "browser") as page, offered(site) as (program, output):
        assert (output["vm"], output["service_id"]) == (NAME, SERVICE)
        page.open(output["link"])
        page.until(f"{_CANVAS} && {_CANVAS}.width === {WIDTH} && {_PIXELS}.at({_at(50, 47)}) === 200")
        pixels = page.ask(_PIXELS)
        assert shown(pixels, 10, 7) == (40, 35, 0)
        assert shown(pixels, 50, 47) == (200, 235, 0)
        page.press("a")
        page.until(f"{_PIXELS}[2] === 32")
        assert page.ask("document.title") == NAME
        assert page.ask("location.pathname + location.search") == "/", "the link is not kept in the history"
        page.open(output["link"])
        page.until("document.getElementById('said').textContent.includes('used already')")
        assert not [each for each in page.complaints if "410" not in each], page.complaints
        assert program.wait(10) == 0
        assert program.stderr and f"The screen of {NAME} was closed." in program.stderr.read()
    assert [each[0] for each in site.trail()] == ["console-open", "console-close"]


def shown(pixels: list[int], x: int, y: int) -> tuple[int, ...]:
    start = _at(x, y)
    return tuple(pixels[start : start + 3])


def _at(x: int, y: int) -> int:
    """Where a pixel begins in the canvas's bytes."""
    return 4 * (y * WIDTH + x)


def test_ctrl_c_ends_the_link_and_says_so(site: ConsoleSite, scripts: Path) -> None:
    (site.home / "config.toml").write_text(f'[console]\nnovnc = "{scripts}"\n')
    for number in (signal.SIGINT, signal.SIGTERM):
        with offered(site) as (program, output):
            assert output["link"].startswith("http://127.0.0.1:")
            program.send_signal(number)
            assert program.wait(10) == 130
            assert program.stderr and program.stderr.read().strip() == "Interrupted."
