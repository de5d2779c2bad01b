"""--wait: follows requests line by line, and exits with their result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import kvmtui
from engine.actions.requests import Queued
from engine.queries.engines import one_runs
from engine.queries.requests import Progress, progress, request
from engine.running import Running
from engine.work import events
from kvmtui.terminal import output

_LOOK_S = 0.5
_MAILS_S = 10.0  # for the mail that what was requested ends with


def finish(queued: Queued, wait: float | None, as_json: bool = False, **facts: Any) -> int:
    """Say what was queued; with --wait, follow it. 0 when it is queued or done, 1 when it failed.

    With --json stdout is one document: these facts, `request`, `service_id`, `run_id` and how the request stands.
    The lines of the steps are then messages.
    """
    output.message(output.safe(queued.sentence))
    status = follow([queued], wait, output.message if as_json else output.write)
    if as_json:
        output.show_json({**facts, **document(queued)})
    return status


def follow(queued: Sequence[Queued], wait: float | None, line: Callable[[str], None]) -> int:
    """With --wait, print what happens to these requests as `line` until all have ended; 1 when one failed."""
    open_ones = [each for each in queued if each.request_id]
    if wait is None or not open_ones:
        if open_ones and not one_runs():
            output.message(
                "No engine is running; a daemon, a console or the next `kvmtui cron` will carry it out."
            )
        return 0
    end = time.monotonic() + wait
    with _engine() as own:
        status = max(_follow(each, wait, end, line) for each in open_ones)
        if own is not None:
            own.send_mails(_MAILS_S)
    return status


def document(queued: Queued) -> dict[str, Any]:
    """A request for scripts; `request` is null when nothing was left to do."""
    view = request(queued.request_id) if queued.request_id else None
    return {
        "request": queued.request_id or None,
        "service_id": queued.service_id,
        "run_id": view.run_id if view else None,
        "action": view.action if view else queued.action,
        "state": view.state if view else None,
        "error": (view.error or None) if view else None,
        "message": queued.sentence,
    }


@contextmanager
def _engine() -> Iterator[Running | None]:
    """An engine of our own while the block runs, when no other one does."""
    running = None if one_runs() else Running("cron", kvmtui.__version__)
    if running is not None:
        running.start(ticking=False)
    try:
        yield running
    finally:
        if running is not None:
            running.stop()


def _follow(queued: Queued, wait: float, end: float, line: Callable[[str], None]) -> int:
    follower = events.Follower(queued.after_event)
    try:
        while True:
            _print(follower.wait(min(_LOOK_S, max(0.0, end - time.monotonic()))), queued, line)
            state = progress(queued.request_id)
            if state.over:
                _print(follower.read(), queued, line)
                return _verdict(state)
            if time.monotonic() >= end:
                output.message(_timed_out(state, wait))
                return 1
    finally:
        follower.close()


def _print(found: Sequence[Any], queued: Queued, line: Callable[[str], None]) -> None:
    for event in found:
        if event.vm == queued.vm_id and event.text:
            line(event.text)


def _verdict(state: Progress) -> int:
    if not state.failed:
        return 0
    retry = " It is retried at every tick." if state.retrying else ""
    at = f" at ({state.vm_status})" if state.vm_status else ""
    output.message(f"Failed{at}: {state.why.rstrip('.')}.{retry}")
    return 1


def _timed_out(state: Progress, wait: float) -> str:
    why = f": {state.why.rstrip('.')}" if state.why else ""
    at = f" at ({state.vm_status})" if state.vm_status else ""
    return f"Timed out after {wait:.0f} s{at}{why}. It continues in the background."
