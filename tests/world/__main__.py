"""`make world SEED=… SECONDS=…`: runs worlds, prints what was wrong, keeps scripts to run them again."""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.world import databases, processes, world
from tests.world.script import Script, generate, shrink

Finding = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Lived:
    """A world that came to its end."""

    script: Script
    folder: Path
    findings: list[Finding]
    seconds: float


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
        """Live through scripts; each is given back when it has ended."""
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
                yield self._end(Lived(script, folder, _findings(folder), time.monotonic() - began))

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
                found = world.live(script, folder, self._template)
            except BaseException as error:
                traceback.print_exc()
                found = [("program", f"the world broke: {type(error).__name__}: {error}")]
            (folder / "findings.json").write_text(json.dumps(found))
            return 0

        return processes.fork(work, folder / "world.out"), folder

    def _end(self, lived: Lived) -> Lived:
        if not self._keep and not lived.findings:
            shutil.rmtree(lived.folder, ignore_errors=True)
        return lived


def _findings(folder: Path) -> list[Finding]:
    try:
        return [(about, sentence) for about, sentence in json.loads((folder / "findings.json").read_text())]
    except (OSError, ValueError):
        return [("program", f"the world died; see {folder}/world.out")]


def main() -> int:
    """The command line."""
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="kvmtui-world-", dir=_where()))
    folder.chmod(0o711)
    kinds = {options.db} if options.db != "both" else {"sqlite", "postgresql"}
    worlds = Worlds(folder, kinds, options.keep)
    if options.replay:
        scripts = [Script.load(options.replay)]
    else:
        scripts = [
            generate(
                seed, options.seconds, sorted(kinds)[seed % len(kinds)], options.engines, options.without
            )
            for seed in range(options.seed, options.seed + options.seeds)
        ]
    bad = 0
    for lived in worlds.run(scripts, options.jobs):
        bad += bool(lived.findings)
        _tell(lived)
        if lived.findings and options.shrink:
            _shrink(worlds, lived, options.shrink)
    if not bad and not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if bad else 0


def _tell(lived: Lived) -> None:
    script = lived.script
    head = f"seed {script.seed} {script.db} {script.seconds:g} s, {len(script.acts)} acts, lived {lived.seconds:.1f} s"
    print(f"{head}: {'all is well' if not lived.findings else f'{len(lived.findings)} findings'}", flush=True)
    for about, sentence in lived.findings:
        print(f"  {about}: {sentence}", flush=True)
    if lived.findings:
        print(f"  run it again: make world REPLAY={lived.folder}/script.jsonl", flush=True)


def _shrink(worlds: Worlds, lived: Lived, tries: int) -> None:
    kinds = {about for about, _ in lived.findings}

    def fails(script: Script) -> bool:
        again = worlds.one(script)
        shutil.rmtree(again.folder, ignore_errors=True)
        return bool(kinds & {about for about, _ in again.findings})

    shorter = shrink(lived.script, fails, tries)
    file = lived.folder / "shorter.jsonl"
    shorter.save(file)
    print(f"  shrunk from {len(lived.script.acts)} to {len(shorter.acts)} acts: {file}", flush=True)


def _where() -> str | None:
    """A folder in memory where there is one with room: what is tested is not the disk."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 2**30 else None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.world", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, from --seed on")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long a world lives")
    parser.add_argument("--db", choices=("sqlite", "postgresql", "both"), default="sqlite")
    parser.add_argument("--engines", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=1, help="worlds at once")
    parser.add_argument("--without", default="", help="a guard to take out, see guards.py")
    parser.add_argument("--replay", type=Path, help="a script to run again")
    parser.add_argument("--shrink", type=int, default=0, help="tries to find a shorter script that fails")
    parser.add_argument("--keep", action="store_true", help="keep the folders of worlds that were well")
    return parser.parse_args()


if __name__ == "__main__":
    _ = replace
    sys.exit(main())
