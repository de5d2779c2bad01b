"""--wait: follows a request line by line, and exits with its result."""

from __future__ import annotations

import time
from typing import Annotated

import typer

import kvmtui
from engine.actions.requests import Queued
from engine.queries.engines import one_runs
from engine.queries.requests import Progress, progress
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
        help="Follow the request until it ends, at most this many seconds, and exit with its result.",
    ),
]


def finish(queued: Queued, wait: float | None) -> int:
    """Print what was queued; with --wait, follow it. 0 when it is queued or done, 1 when it failed."""
    output.tell(queued.sentence)
    if wait is None or not queued.request_id:
        if not one_runs():
            output.tell(
                "No engine is running; a daemon, a console or the next `kvmtui cron` will carry it out."
            )
        return 0
    running = None if one_runs() else Running("cron", kvmtui.__version__)
    if running is not None:
        running.start(ticking=False)
    try:
        status = _follow(queued, wait)
        if running is not None:
            running.send_mails(_MAILS_S)
        return status
    finally:
        if running is not None:
            running.stop()


def _follow(queued: Queued, wait: float) -> int:
    follower = events.Follower(queued.after_event)
    end = time.monotonic() + wait
    try:
        while True:
            for event in follower.wait(min(_LOOK_S, max(0.0, end - time.monotonic()))):
                if event.vm == queued.vm_id and event.text:
                    output.write(event.text)
            state = progress(queued.request_id)
            if state.over:
                _rest(follower, queued)
                return _verdict(state)
            if time.monotonic() >= end:
                output.tell(_timed_out(state, wait))
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
    retry = " It is retried at every tick." if state.retrying else ""
    at = f" at ({state.vm_status})" if state.vm_status else ""
    output.tell(f"Failed{at}: {state.why.rstrip('.')}.{retry}")
    return 1


def _timed_out(state: Progress, wait: float) -> str:
    why = f": {state.why.rstrip('.')}" if state.why else ""
    at = f" at ({state.vm_status})" if state.vm_status else ""
    return f"Timed out after {wait:.0f} s{at}{why}. It continues in the background."
