"""`python -m kvmtui.demo.recording [FOLDER]`: record the tour of the demo for the docs (docs/ by default).

Writes pictures/NAME.svg for some of the stops, and recordings/tour-WIDTHxHEIGHT.cast, which `asciinema play` shows.
"""

from __future__ import annotations

import asyncio
import codecs
import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from kvmtui.demo.stops import STOPS, TourStop
from kvmtui.demo.tour import Caption, TourConsole
from screens.widgets.footer import Footer

SIZES = ((80, 24),)
STILL_SIZE = (120, 36)
STILLS = {
    "dashboard": "dashboard",
    "vm": "vm",
    "charts": "charts",
    "package": "package",
    "log": "deploying",
}
"""The stops that are pictures in the docs, and the names of these."""
_LONGEST_S = 300.0
_LAST = f"{len(STOPS)}/{len(STOPS)}".encode()


class Cast:
    """An asciinema recording, version 2: a header, then a line for each piece of output and when it came."""

    def __init__(self, file: TextIO, width: int, height: int, title: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        header = {
            "version": 2,
            "width": width,
            "height": height,
            "title": title,
            "env": {"TERM": "xterm-256color"},
        }
        self._write(header)

    def add(self, seconds: float, output: bytes) -> None:
        """What the terminal got so many seconds after the start; a character that is cut is completed later."""
        if words := self._decoder.decode(output):
            self._write([round(seconds, 3), "o", words])

    def _write(self, value: object) -> None:
        self._file.write(json.dumps(value, ensure_ascii=False, separators=(", ", ": ")) + "\n")


def record(path: Path, width: int, height: int, speed: float = 1.0) -> None:
    """Record the tour on a terminal of this size."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    words = [sys.executable, "-m", "kvmtui", "--demo", "--tour", "--tour-speed", str(speed)]
    environment = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    process = subprocess.Popen(  # noqa: S603 - our own program
        words, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
    )
    os.close(slave)
    try:
        with path.open("w", encoding="utf-8") as file:
            cast = Cast(file, width, height, "kvmtui --demo --tour")
            for seconds, output in _output(master, process, STOPS[-1].seconds / speed):
                cast.add(seconds, output)
    finally:
        process.kill()
        process.wait()
        os.close(master)


def _output(master: int, process: subprocess.Popen[bytes], last_s: float) -> Iterator[tuple[float, bytes]]:
    """What the terminal gets, from the first byte until the last stop was shown for its time."""
    begun, seen, end = 0.0, b"", time.monotonic() + _LONGEST_S
    while time.monotonic() < end and process.poll() is None:
        if not select.select([master], [], [], 0.1)[0]:
            continue
        output = os.read(master, 1 << 16)
        begun = begun or time.monotonic()
        yield time.monotonic() - begun, output
        before, seen = _LAST in seen, (seen + output)[-(1 << 18) :]
        if _LAST in seen and not before:
            end = time.monotonic() + last_s


class _Photographer(TourConsole):
    """The tour, which leaves a picture at some of its stops and ends by itself."""

    folder = Path()

    async def arrived(self, stop: TourStop) -> None:
        name = STILLS.get(stop.name)
        if name is not None:
            for screen in self.screen_stack:
                await screen.query(Caption).remove()
            self.screen_stack[0].query_one(Footer).display = True
            await asyncio.sleep(0.3)
            picture = self.export_screenshot(title="kvmtui", simplify=True)
            (self.folder / f"{name}.svg").write_text(picture)
            self.screen_stack[0].query_one(Footer).display = False
        if stop is STOPS[-1]:
            self.exit(0)


async def _photograph(console: _Photographer) -> None:
    async with console.run_test(size=STILL_SIZE):
        while not console.left:
            await asyncio.sleep(0.1)


def stills(folder: Path, speed: float = 4.0) -> list[str]:
    """Write the pictures of the docs; the stops that were not found."""
    from kvmtui import config
    from kvmtui.app import OwnEngine
    from screens.shell.console import Setup

    with _world():
        config.open_site(config.load())
        engine = OwnEngine(read_only=False)
        setup = Setup("Example Hosting", owner=lambda: engine.owner, ready=engine.start)
        console = _Photographer(setup, speed)
        console.folder = folder
        try:
            asyncio.run(_photograph(console))
        finally:
            engine.stop()
            config.close_site()
    return console.missed


@contextmanager
def _world() -> Iterator[None]:
    from kvmtui.demo.world import DemoWorld

    before = os.environ.get("KVMTUI_HOME")
    with tempfile.TemporaryDirectory(prefix="kvmtui-recording-") as folder:
        os.environ["KVMTUI_HOME"] = folder
        try:
            with DemoWorld(folder) as world:
                world.settle()
                yield
        finally:
            del os.environ["KVMTUI_HOME"]
            if before is not None:
                os.environ["KVMTUI_HOME"] = before


def main(folder: Path) -> int:
    """Write every picture and recording."""
    missed = stills(folder / "pictures")
    for width, height in SIZES:
        record(folder / "recordings" / f"tour-{width}x{height}.cast", width, height)
    if missed:
        sys.stderr.write(f"Stops whose words never came: {', '.join(missed)}.\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs")))
