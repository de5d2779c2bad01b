"""`make world SEED=… SECONDS=…`: runs worlds, prints what was wrong, keeps scripts to run them again."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
from pathlib import Path

from tests.world.script import Script, generate, shrink
from tests.world.worlds import Lived, Worlds, prepared


def main() -> int:
    """The command line."""
    options = _options()
    kinds = {options.db} if options.db != "both" else {"sqlite", "postgresql"}
    scripts = [Script.load(options.replay)] if options.replay else _scripts(options, sorted(kinds))
    bad = 0
    with prepared({script.db for script in scripts}, options.keep) as worlds:
        for lived in worlds.run(scripts, options.jobs):
            bad += bool(lived.findings)
            _tell(lived)
            if lived.findings and options.shrink:
                _shrink(worlds, lived, options.shrink)
    return 1 if bad else 0


def _scripts(options: argparse.Namespace, kinds: list[str]) -> list[Script]:
    return [
        generate(seed, options.seconds, kinds[seed % len(kinds)], options.engines, options.without)
        for seed in range(options.seed, options.seed + options.seeds)
    ]


def _tell(lived: Lived) -> None:
    script = lived.script
    result = f"{len(lived.findings)} findings" if lived.findings else "all is well"
    world = f"seed {script.seed} {script.db} {script.seconds:g} s, {len(script.acts)} acts"
    print(f"{world}, lived {lived.seconds:.1f} s ({lived.cpu:.1f} CPU s): {result}", flush=True)
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


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.world", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, from --seed on")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long a world runs")
    parser.add_argument(
        "--minutes", type=lambda text: float(text) * 60, dest="seconds", help="the same in minutes"
    )
    parser.add_argument("--db", choices=("sqlite", "postgresql", "both"), default="sqlite")
    parser.add_argument("--engines", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=1, help="worlds at once")
    parser.add_argument("--without", default="", help="a guard to take out, see guards.py")
    parser.add_argument("--replay", type=Path, help="a script to run again")
    parser.add_argument("--shrink", type=int, default=0, help="tries to find a shorter script that fails")
    parser.add_argument("--keep", action="store_true", help="keep the folders of worlds that were well")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
