"""Many worlds: each in a process of its own, several at once, all forked from one that has imported everything."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import scratch
from tests.world import databases, processes, world
from tests.world.script import Script

Finding = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Lived:
    """A world that came to its end."""

    script: Script
    folder: Path
    findings: list[Finding]
    seconds: float
    cpu: float


class Worlds:
    """Runs scripts, several at once, each in a process of its own."""

    def __init__(self, folder: Path, kinds: set[str], keep: bool = False) -> None:
        self._folder, self._keep = folder, keep
        self._template = folder / "template"
        self._template.mkdir()
        self._count = 0
        processes.import_everything()
        databases.make_template(self._template, kinds)

    def run(self, scripts: Iterable[Script], jobs: int) -> Iterator[Lived]:
        """Run scripts; each is returned when it has ended."""
        waiting, running = iter(scripts), {}
        while True:
            while len(running) < jobs and (script := next(waiting, None)) is not None:
                pid, folder = self._start(script)
                running[pid] = (script, folder, time.monotonic())
            if not running:
                return
            pid, _ = os.waitpid(-1, 0)
            if pid in running:
                script, folder, began = running.pop(pid)
                yield self._end(Lived(script, folder, *_outcome(folder, time.monotonic() - began)))

    def one(self, script: Script) -> Lived:
        """Live through one script."""
        return next(iter(self.run([script], 1)))

    def _start(self, script: Script) -> tuple[int, Path]:
        self._count += 1
        folder = self._folder / f"world-{self._count}-seed-{script.seed}"
        folder.mkdir()
        script.save(folder / "script.jsonl")

        def work() -> int:
            try:
                found, cpu = world.live(script, folder, self._template)
            except BaseException as error:
                traceback.print_exc()
                found, cpu = [("program", f"the world broke: {type(error).__name__}: {error}")], 0.0
            (folder / "findings.json").write_text(json.dumps({"found": found, "cpu": cpu}))
            return 0

        return processes.fork(work, folder / "world.out"), folder

    def _end(self, lived: Lived) -> Lived:
        if not self._keep and not lived.findings:
            shutil.rmtree(lived.folder, ignore_errors=True)
        return lived


def _outcome(folder: Path, seconds: float) -> tuple[list[Finding], float, float]:
    try:
        reported = json.loads((folder / "findings.json").read_text())
        return [(about, sentence) for about, sentence in reported["found"]], seconds, reported["cpu"]
    except (OSError, ValueError):
        return [("program", f"the world died; see {folder}/world.out")], seconds, 0.0


@contextmanager
def prepared(kinds: set[str], keep: bool = False) -> Iterator[Worlds]:
    """Everything that worlds need; the folders of those that failed stay."""
    scratch.use_memory()  # what is tested is not the disk
    folder = Path(tempfile.mkdtemp(prefix="kvmtui-world-"))
    folder.chmod(0o711)
    yield Worlds(folder, kinds, keep)
    shutil.rmtree(folder / "template", ignore_errors=True)
    if not any(folder.iterdir()):
        folder.rmdir()
