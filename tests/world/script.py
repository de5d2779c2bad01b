"""What a world does, as data: made from a seed, kept as JSON lines, run again, and cut down while it still fails."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Act:
    """One thing somebody does at a moment, in seconds from the start of the world."""

    at: float
    actor: str
    act: str
    args: dict[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """The act as a line of a script."""
        return json.dumps({"time": round(self.at, 3), "actor": self.actor, "act": self.act, **self.args})


@dataclass(frozen=True, slots=True)
class Script:
    """A world: how it is set up, and everything that happens in it."""

    seed: int
    seconds: float
    db: str = "sqlite"
    engines: int = 2
    without: str = ""  # the guard that is taken out of the engines, see guards.py
    acts: tuple[Act, ...] = ()

    def save(self, file: Path) -> None:
        """Write the script as JSON lines: first the setting, then one act a line."""
        head = {key: getattr(self, key) for key in ("seed", "seconds", "db", "engines", "without")}
        file.write_text("\n".join([json.dumps(head), *(act.line() for act in self.acts)]) + "\n")

    @classmethod
    def load(cls, file: Path) -> Script:
        """Read a script back."""
        head, *lines = file.read_text().splitlines()
        acts = []
        for line in lines:
            one = json.loads(line)
            acts.append(Act(one.pop("time"), one.pop("actor"), one.pop("act"), one))
        return cls(**json.loads(head), acts=tuple(acts))


def generate(seed: int, seconds: float, db: str = "sqlite", engines: int = 2, without: str = "") -> Script:
    """The script of a seed: the same arguments give the same acts."""
    from tests.world import faults, operators

    chance = random.Random(seed)
    acts = [*operators.plan(chance, seconds), *faults.plan(chance, seconds, db, engines)]
    ordered = tuple(sorted(acts, key=lambda act: act.at))
    return Script(seed, seconds, db, engines, without, ordered)


def shrink(script: Script, fails: Callable[[Script], bool], tries: int = 24) -> Script:
    """Drop halves, then quarters and so on of the acts as long as the rest still fails; at most `tries` runs."""
    pieces = 2
    while tries > 0 and len(script.acts) > 1:
        size = max(1, len(script.acts) // pieces)
        for start in range(0, len(script.acts), size):
            if tries == 0:
                break
            tries -= 1
            fewer = replace(script, acts=script.acts[:start] + script.acts[start + size :])
            if fails(fewer):
                script, pieces = fewer, max(2, pieces - 1)
                break
        else:
            if size == 1:
                break
            pieces *= 2
    return script


def spread(chance: random.Random, count: int, first: float, last: float) -> Iterable[float]:
    """Moments at random, in order."""
    return sorted(chance.uniform(first, last) for _ in range(count))
