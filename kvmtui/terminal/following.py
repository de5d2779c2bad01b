"""--wait: follows what was asked for, line by line, and leaves with its result."""

from __future__ import annotations

import time
from typing import Annotated

import typer

import kvmtui
from engine.actions.requests import Queued
from engine.clock import now_ms
from engine.queries.engines import one_runs
from engine.queries.progress import Progress, progress
from engine.running import Running
from engine.work import events
from kvmtui.terminal import output

_LOOK_S = 0.5
_MAILS_S = 10.0  # for the mail that what was asked for ends with

Wait = Annotated[
    float | None,
    typer.Option(
        "--wait",
        metavar="[SECONDS]",
        min=0,
        help="Follow it until it ends, at most so many seconds, and leave with its result.",
    ),
]


def finish(queued: Queued, wait: float | None) -> int:
    """Say what was queued; with --wait, follow it. 0 when it went well or was only queued, 1 when it failed."""
    output.tell(queued.sentence)
    if wait is None:
        if not one_runs():
            output.tell("No engine runs now; the next `kvmtui cron`, a daemon or a console will do it.")
        return 0
    began = now_ms()
    running = None if one_runs() else Running("cron", kvmtui.__version__)
    if running is not None:
        running.start(ticking=False)
    try:
        status = _follow(queued, wait, began)
        if running is not None:
            running.send_mails(_MAILS_S)
        return status
    finally:
        if running is not None:
            running.stop()


def _follow(queued: Queued, wait: float, began: int) -> int:
    follower = events.Follower(queued.after_event)
    end = time.monotonic() + wait
    try:
        while True:
            for event in follower.wait(min(_LOOK_S, max(0.0, end - time.monotonic()))):
                if event.vm == queued.vm_id and event.text:
                    output.write(event.text)
            state = progress(queued.vm_id, began)
            if state.over:
                _rest(follower, queued)
                return _verdict(state)
            if time.monotonic() >= end:
                output.tell(
                    f"Still at ({state.vm_status}) after {wait:.0f} s: {state.why or 'it works'}. It goes on."
                )
                return 1
    finally:
        follower.close()


def _rest(follower: events.Follower, queued: Queued) -> None:
    for event in follower.read():
        if event.vm == queued.vm_id and event.text:
            output.write(event.text)


def _verdict(state: Progress) -> int:
    if not state.failed:
        return 0
    output.tell(f"It failed at ({state.vm_status}): {state.why} It is tried again at every tick.")
    return 1
