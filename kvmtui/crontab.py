"""What `kvmtui cron` does: due tasks under their locks, lines flushed as they happen, an end within the budget."""

from __future__ import annotations

import sys
import threading
import time

import kvmtui
from engine.audit import current_actor
from engine.clock import iso, now_ms, stamp
from engine.counting import counted
from engine.queries.tasks import document
from engine.roles import Role
from engine.running import Running
from engine.schedule.registry import RETENTION, TASKS, named
from engine.schedule.run_now import clear_locks
from engine.work import events
from engine.work import task_ledger as ledger
from engine.work.task import TaskResources
from engine.work.task_run import perform
from kvmtui.stdout import Stdout
from kvmtui.terminal import open_site, output

_CLEANING_S = 2.0  # for retention when the budget is spent: 10,000 rows and more


def run_due(task: str, force: bool, budget: int, as_json: bool = False) -> int:
    """Run what is due; exit status 1 when something reported errors. With `as_json` the lines are messages."""
    wanted = [named(task)] if task else list(TASKS)
    with open_site.changing():
        if force or task:
            open_site.need(Role.OPERATOR, "run a scheduled task")
        began = time.monotonic()
        say = Stdout(sys.stderr if as_json else sys.stdout)
        done: list[dict[str, object]] = []
        say(f"{stamp(now_ms())} kvmtui Cron Start")
        running = Running("cron", kvmtui.__version__, say=say)
        echo = _Echo(say)
        echo.start()
        running.register()
        errors = 0
        try:
            for one in wanted:
                resources = TaskResources(
                    running.servers,
                    running.owner,
                    keep_going=lambda: time.monotonic() - began < budget,
                    until_rest=True,
                    begin=lambda: running.start(ticking=False),
                )
                report = perform(one, resources, echo.in_order, force or bool(task))
                if report is not None:
                    errors += report.errors
                    result = {"processed": report.processed, "errors": report.errors}
                    done.append({"task": one.name, **result})
            running.send_mails(max(2.0, budget - (time.monotonic() - began)))
            if not task:
                _clean_up(running, max(_CLEANING_S, budget - (time.monotonic() - began)))
        finally:
            running.stop(max(5.0, budget - (time.monotonic() - began)))
            echo.stop()
        say(f"{stamp(now_ms())} kvmtui Cron End ({time.monotonic() - began:.1f}s total)")
    if as_json:
        output.show_json({"tasks": done, "errors": errors})
    return 1 if errors else 0


def _clean_up(running: Running, seconds: float) -> None:
    """Delete what is past its retention, once an hour; `doctor` says how it went."""
    end = time.monotonic() + seconds
    resources = TaskResources(running.servers, running.owner, keep_going=lambda: time.monotonic() < end)
    perform(RETENTION, resources, lambda line: None)


class _Echo:
    """Prints the events of this call as they are committed."""

    def __init__(self, say: Stdout) -> None:
        self._say = say
        self._follower = events.Follower()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cron-echo", daemon=True)

    def start(self) -> None:
        """Begin to print."""
        self._thread.start()

    def stop(self) -> None:
        """Print what is left, then end."""
        self._stop.set()
        self._thread.join(5.0)
        self._drain(0)
        self._follower.close()

    def in_order(self, line: str) -> None:
        """Print a line of the task after the events that came before it."""
        self._drain(0)
        self._say(line)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._drain(0.2)
            self._stop.wait(0.01)  # or the lock would hardly ever be free for `in_order`

    def _drain(self, wait: float) -> None:
        with self._lock:
            self._say.events(self._follower.wait(wait))


def listing(as_json: bool) -> int:
    """Show every task."""
    with open_site.opened():
        rows = ledger.standings(TASKS)
    if as_json:
        output.show_json([document(row) for row in rows])
        return 0
    output.show_table(
        ("Task", "Every", "Last run", "Next run", "Locked", "Last result", "Does"),
        [
            (
                row.task,
                f"{row.interval_minutes} min" if row.interval_minutes else "off",
                iso(row.last_run_at) or "never",
                iso(row.next_run_at) or "-",
                row.locked_by or "-",
                _result(row) if row.last_run_at else "-",
                row.does,
            )
            for row in rows
        ],
        empty="There are no tasks.",
    )
    return 0


def clear(reason: str, as_json: bool) -> int:
    """Remove every task lock."""
    with open_site.changing():
        sentence = clear_locks(current_actor("cli", reason))
    output.done(sentence, as_json)
    return 0


def _result(row: ledger.ScheduledTask) -> str:
    return f"{row.processed} processed, {counted(row.errors, 'errors')}, {row.seconds:.1f}s"
