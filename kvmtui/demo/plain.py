"""The demo without a terminal: the engine deploys what is to be deployed, and its lines are printed."""

from __future__ import annotations

import time

import kvmtui
from engine.queries.vm_list import VmQuestion, count
from engine.running import Running
from engine.work import events
from kvmtui.stdout import Stdout

LONGEST_S = 90.0


def run() -> int:
    """Print until no VM is on its way any more."""
    say = Stdout()
    follower = events.Follower(0)
    running = Running("console", kvmtui.__version__)
    running.start(ticking=False)
    end = time.monotonic() + LONGEST_S
    try:
        while time.monotonic() < end:
            say.events(follower.wait(0.5))
            if not count(VmQuestion(state="working")):
                break
    finally:
        running.stop()
        say.events(follower.read())
        follower.close()
    ready, stuck = count(VmQuestion(state="ready")), count(VmQuestion(state="stuck"))
    say(
        f"{ready} VMs are ready, {stuck} stuck. On a terminal, `kvmtui --demo` opens the console on this world."
    )
    return 0
