"""What goes wrong: the cluster, the engines, the database, the clock, foreign hands and silent neighbours."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.world.script import Act, spread

if TYPE_CHECKING:
    from tests.world.world import World

_CALLS = (
    "/clone",
    "/config",
    "/resize",
    "/status/start",
    "/status/stop",
    "/firewall",
    "/migrate",
    "",
    "/snapshot",
    "/vzdump",
)
_TASKS = (
    "qmclone",
    "qmstart",
    "qmstop",
    "resize",
    "qmconfig",
    "qmdestroy",
    "qmigrate",
    "vzdump",
    "qmsnapshot",
)


def _cluster(chance: random.Random) -> dict[str, Any]:
    """A fault of the lab that strikes the next fitting call or task of our guests."""
    kind = chance.choice(("lost", "lost", "cut", "status", "status", "hang", "drip", "task-error", "task-error",
                          "task-warnings", "task-vanishes"))  # fmt: skip
    fault: dict[str, Any] = {"kind": kind, "nth": chance.randrange(1, 4), "count": chance.randrange(1, 3)}
    if kind.startswith("task"):
        return fault | {
            "task": chance.choice(_TASKS),
            "text": "something broke",
            "after": chance.random() < 0.5,
        }
    fault["method"] = chance.choice(("POST", "PUT", "DELETE", "GET", "*"))
    fault["path"] = chance.choice(_CALLS) + ("$" if chance.random() < 0.5 else "")
    if kind == "status":
        fault |= {"code": chance.choice((500, 596, 595, 599, 503)), "after": chance.random() < 0.5}
    if kind == "hang":
        fault |= {"seconds": round(chance.uniform(0.5, 3.0), 1), "after": chance.random() < 0.5}
    if kind == "drip":
        fault["seconds"] = 0.001
    return fault


def _outage(chance: random.Random) -> dict[str, Any]:
    if chance.random() < 0.3:
        return {"kind": "no-quorum", "path": "", "seconds": 60.0}
    return {"kind": "offline", "target": chance.choice(("pve1", "pve2", "pve3")), "seconds": 60.0}


def _foreign(chance: random.Random) -> dict[str, Any]:
    what = chance.choice(
        ("power", "power", "power", "lock", "lock", "rename", "delete", "swap", "take", "stranger-delete")
    )
    args: dict[str, Any] = {"what": what, "nth": chance.randrange(8)}
    if what == "power":
        args["status"] = chance.choice(("running", "stopped"))
    if what == "lock":
        args["for"] = round(chance.uniform(0.3, 1.5), 2)
    return args


def plan(chance: random.Random, seconds: float, db: str, engines: int) -> list[Act]:
    """What goes wrong in so many seconds."""
    acts: list[Act] = []

    def often(rate: float, actor: str, act: str, draw: Callable[[], dict[str, Any]]) -> None:
        count = int(rate * seconds) + (chance.random() < rate * seconds % 1)
        acts.extend(Act(at, actor, act, draw()) for at in spread(chance, count, 0.0, seconds))

    often(1.2, "cluster", "fault", lambda: _cluster(chance))
    often(0.05, "cluster", "fault", lambda: _outage(chance))
    often(
        0.3,
        "chaos",
        "kill",
        lambda: {"engine": chance.randrange(engines), "away": round(chance.uniform(0.0, 1.0), 2)},
    )
    often(
        0.15,
        "chaos",
        "freeze",
        lambda: {"engine": chance.randrange(engines), "for": round(chance.uniform(0.5, 5.0), 2)},
    )
    often(
        0.1,
        "chaos",
        "clock",
        lambda: {
            "engine": chance.randrange(engines),
            "ms": chance.choice((-600_000, -150_000, 150_000, 600_000)),
        },
    )
    if db == "postgresql":
        often(0.15, "chaos", "crash-database", lambda: {"away": round(chance.uniform(0.0, 0.5), 2)})
    often(0.6, "foreign", "foreign", lambda: _foreign(chance))
    often(
        0.25,
        "neighbour",
        "silence",
        lambda: {
            "who": chance.choice(("dns", "mail", "pve-b", "pve-a")),
            "for": round(chance.uniform(0.5, 3.0), 2),
        },
    )
    return acts


def _fault(world: World, args: dict[str, Any]) -> None:
    world.lab.do("faults", **args)


def _kill(world: World, args: dict[str, Any]) -> None:
    world.disturb()
    world.engines[args["engine"]].kill()
    time.sleep(args["away"])
    world.engines[args["engine"]].start()


def _freeze(world: World, args: dict[str, Any]) -> None:
    engine = world.engines[args["engine"]]
    pid = engine.pid
    if not engine.signal(pid, signal.SIGSTOP):
        return
    time.sleep(args["for"])
    world.disturb(args["for"])
    engine.signal(pid, signal.SIGCONT)


def _clock(world: World, args: dict[str, Any]) -> None:
    """One host's clock is put right; on SQLite there is only one host."""
    world.disturb()
    clocks = world.clocks if world.script.db == "sqlite" else [world.engines[args["engine"]].clock]
    for clock in clocks:
        clock.step(args["ms"])


UNWALKED_S = 1.5  # two heartbeats: an engine ends its own leases that nobody walks at the second one


def _crash_database(world: World, args: dict[str, Any]) -> None:
    with world.crashing:
        world.database.crash(args["away"])
    world.disturb(args["away"] + 1, UNWALKED_S)


def _silence(world: World, args: dict[str, Any]) -> None:
    world.gates[args["who"]].silent = True
    time.sleep(args["for"])
    world.gates[args["who"]].silent = False


def _hands(world: World, args: dict[str, Any]) -> None:
    """Another administrator at the cluster; what he does is noted, so that it is not held against us."""
    hands = world.hands
    {
        "power": hands.power,
        "lock": hands.lock,
        "rename": hands.rename,
        "delete": hands.delete,
        "swap": hands.swap,
        "take": hands.take,
        "stranger-delete": hands.delete_stranger,
    }[args["what"]](args)


ACTS: dict[str, Callable[[World, dict[str, Any]], None]] = {
    "fault": _fault,
    "kill": _kill,
    "freeze": _freeze,
    "clock": _clock,
    "crash-database": _crash_database,
    "silence": _silence,
    "foreign": _hands,
}
