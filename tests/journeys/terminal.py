"""A real terminal with the program in it: tmux draws, and the test reads what a person would see."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import clean_environment

WITHIN = 60.0
Size = tuple[int, int]


class Terminal:
    """`kvmtui` in a terminal of its own; use `opened`."""

    def __init__(self, home: Path, arguments: tuple[str, ...], size: Size, socket: Path) -> None:
        self._tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
        # a terminal looks the same on every machine, and no outer tmux is asked
        self._env = {**clean_environment(home), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        words = shlex.join([sys.executable, "-m", "kvmtui", *arguments])
        after = "echo left-with=$? $(stty -a | grep -owE -e '-?(echo|icanon|isig)')"
        width, height = (str(each) for each in size)
        self._run("new-session", "-d", "-s", "it", "-x", width, "-y", height, "sleep 600")
        self._run("set-option", "-g", "status", "off")
        self._run("respawn-pane", "-k", "-t", "it", f"{words}; {after}; exec sleep 600")

    def screen(self) -> str:
        """What the terminal shows now."""
        return self._run("capture-pane", "-p", "-t", "it")

    def until(self, *words: str, within: float = WITHIN) -> str:
        """Wait until all these words are on the screen; return the screen."""
        end = time.monotonic() + within
        while True:
            shown = self.screen()
            if all(each in shown for each in words):
                return shown
            if time.monotonic() > end:
                raise AssertionError(f"never came: {[each for each in words if each not in shown]}\n{shown}")
            time.sleep(0.05)

    def press(self, *keys: str) -> None:
        """Presses keys, each by tmux's name for it."""
        self._run("send-keys", "-t", "it", *keys)

    def type(self, words: str) -> None:
        """Types words as they are."""
        self._run("send-keys", "-t", "it", "-l", words)

    def resize(self, width: int, height: int) -> None:
        """Makes the terminal another size."""
        self._run("resize-window", "-t", "it", "-x", str(width), "-y", str(height))

    def signal(self, number: signal.Signals) -> None:
        """Sends the program a signal."""
        shell = self._ask("pane_pid")
        children = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        os.kill(int(children[0]), number)

    def ended(self, within: float = WITHIN) -> int:
        """Waits for the program's end; its exit status."""
        words = self.until("left-with=", within=within).partition("left-with=")[2]
        return int(words.split()[0])

    @property
    def restored(self) -> bool:
        """True when the shell has its terminal back: normal screen, cursor, no mouse reports, echo and lines."""
        flags = [self._ask(f"{each}_flag") for each in ("cursor", "mouse_any", "keypad")]
        line = self.screen().partition("left-with=")[2].split()[1:4]
        return (
            self._ask("alternate_on") == "0"
            and flags == ["1", "0", "0"]
            and set(line) == {"isig", "icanon", "echo"}
        )

    def close(self) -> None:
        """Ends the terminal and what runs in it."""
        subprocess.run([*self._tmux, "kill-server"], env=self._env, capture_output=True, check=False)

    def _ask(self, what: str) -> str:
        return self._run("display-message", "-p", "-t", "it", f"#{{{what}}}").strip()

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            [*self._tmux, *words], env=self._env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"tmux {words[0]}: {done.stderr}"
        return done.stdout


@contextmanager
def opened(home: Path, socket: Path, *arguments: str, size: Size = (80, 24)) -> Iterator[Terminal]:
    """A terminal with the program in it, closed at the end."""
    if shutil.which("tmux") is None and os.environ.get("KVMTUI_REQUIRE_TMUX") != "1":
        pytest.skip("tmux is not installed (apt install tmux)")
    terminal = Terminal(home, arguments, size, socket)
    try:
        yield terminal
    finally:
        terminal.close()
