"""Settings: general, mail, schedule, retention, and every scheduled task with how it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from textual.worker import Worker

from engine.actions.repository import PutResult
from engine.actions.settings import FORMS, current_settings, put_settings
from engine.clock import now_ms
from engine.counting import counted
from engine.forms import Form, checked
from engine.schedule.registry import TASKS
from engine.schedule.run_now import clear_locks, run_now
from engine.work.task_ledger import ScheduledTask, standings
from screens.common.bindings import bindings
from screens.common.times import age, ago
from screens.framework.form_questions import JOINT, nested, questions
from screens.framework.records_screen import RecordsScreen
from screens.framework.screen import actor
from screens.settings.task_progress import TaskProgress
from screens.widgets.dialogs import Confirm
from screens.widgets.fields import FormField
from screens.widgets.rows import Cell, Column, TableRow

SECTIONS = {
    "general": ("General", "how long the engine waits for Proxmox"),
    "smtp": ("SMTP", "how mail leaves"),
    "cron": ("Cron", "how often each task runs, and when a lock is stale"),
    "retention": ("Retention", "how long history is kept"),
    "thresholds": ("Thresholds", "from where on something is too full"),
}
_INTERVALS = f"intervals{JOINT}"


class SettingsScreen(RecordsScreen):
    """Sections to edit, and the tasks to run."""

    NAME = SCOPE = "settings"
    BINDINGS = bindings("settings")
    COMMAND = "kvmtui cron --list"
    NOUN = "setting"
    EMPTY = "There are no settings."
    TALL = 2
    COLUMNS = (
        Column("name", "Setting or task", 23, grow=True),
        Column("every", "Every", 7, 2, right=True),
        Column("last", "Last run", 14),
        Column("result", "Last result", 18, grow=True),
        Column("lock", "Lock", 12, 3, grow=True),
    )

    def __init__(self) -> None:
        super().__init__()
        self._section = "general"

    def rows(self) -> Sequence[TableRow]:
        return [*map(_section, SECTIONS), *map(_task, standings(TASKS))]

    def values(self, key: Any) -> Mapping[str, Any]:
        return current_settings(key)

    def fields(self, key: Any) -> Sequence[FormField]:
        """The field of an interval has the name of its task."""
        return [
            replace(each, title=each.name.removeprefix(_INTERVALS))
            if each.name.startswith(_INTERVALS)
            else each
            for each in questions(FORMS[key])
        ]

    def form(self, answers: Mapping[str, object]) -> Form:
        return checked(FORMS[self._section], nested(answers))

    def save(self, form: Any, key: Any) -> PutResult:
        return put_settings(key, form, actor())

    def name_of(self, key: Any) -> str:
        return SECTIONS[key][0] if key in SECTIONS else str(key)

    def commands(self) -> list[str]:
        key = self.list.cursor_key
        if key == "smtp":
            return ["kvmtui mail test ADDRESS", "kvmtui mail outbox", "kvmtui export"]
        tasks = [] if key is None or key in SECTIONS else [f"kvmtui cron --task={key} --force"]
        return [*tasks, "kvmtui cron --list --json", "kvmtui export"]

    async def look_at(self, key: Any) -> None:
        await super().look_at(key if key in SECTIONS else "cron")

    async def ask_form(self, key: Any) -> None:
        """A task is edited where its interval is: in the schedule, with the keys on it."""
        self._section = key if key in SECTIONS else "cron"
        self.first = "" if key in SECTIONS else _INTERVALS + str(key)
        await super().ask_form(self._section)

    def do_run(self) -> Worker[None] | None:
        key = self.current()
        if key is None:
            return None
        if key in SECTIONS:
            self.notify("Put the cursor on a task; a section is edited with E.", markup=False)
            return None
        return self.run_worker(self._run(key), group="change")

    async def _run(self, key: str) -> None:
        words = await self.in_thread(lambda: run_now(key, actor()))
        if words is not None:
            self.notify(words, markup=False)
            self.reread()
            TaskProgress(self, key)

    def do_mail(self) -> Worker[None]:
        from screens.settings import send_test_mail

        return self.run_worker(send_test_mail.send(self.app, actor()), group="dialog", exclusive=True)

    def do_outbox(self) -> Worker[None]:
        from screens.settings import outbox

        read_only = bool(getattr(self.app, "read_only", False))
        return self.run_worker(
            outbox.show_outbox(self.app, actor(), read_only), group="dialog", exclusive=True
        )

    def do_tokens(self) -> Worker[None]:
        return self._open("tokens")

    def do_webhooks(self) -> Worker[None]:
        return self._open("webhooks")

    def _open(self, name: str) -> Worker[None]:
        app: Any = self.app
        opened: Worker[None] = self.app.run_worker(app.open(name), group="go")
        return opened

    def do_unlock(self) -> Worker[None]:
        return self.run_worker(self._unlock(), group="dialog", exclusive=True)

    async def _unlock(self) -> None:
        question = Confirm(
            "Clear the lock of every task?",
            "A lock whose worker is gone is taken over by itself. Clear them only when you know that nothing "
            "runs: a task that still does would run twice at once.",
            yes="Clear",
            danger=True,
        )
        if await self.app.push_screen_wait(question):
            words = await self.in_thread(lambda: clear_locks(actor()))
            if words is not None:
                self.notify(words, markup=False)
                self.reread()


def _section(name: str) -> TableRow:
    """A section as a line of the list, with what it says now."""
    title, does = SECTIONS[name]
    return TableRow(name, (Cell(title, "accent", below=does), "", "", _summary(name), ""))


def _summary(name: str) -> Cell:
    now = current_settings(name)
    if name == "general":
        moves = "migrates clones" if now["post_clone_migration"] else "leaves clones where they are"
        return Cell(f"{now['default_timeout']} s, heavy {now['heavy_timeout']} s", below=moves)
    if name == "cron":
        off = [task for task, minutes in now["intervals"].items() if not minutes]
        return Cell(
            f"lock timeout {now['lock_timeout']} s", below=f"off: {', '.join(off)}" if off else "all on"
        )
    if name == "retention":
        return Cell(f"newest {now['runs_kept']} runs per VM", below=f"events {_days(now['events_days'])}")
    if name == "thresholds":
        pools, storages = now["pool_percent"], now["storage_percent"]
        return Cell(f"pools {pools} %", below=f"storages {storages} %, nodes {now['node_percent']} %")
    if not now["host"]:
        return Cell("~ no mail is sent", "warn", below="no host is set")
    return Cell(f"{now['host']}:{now['port']}", below=f"{now['security']}, from {now['sender']}")


def _days(number: int) -> str:
    if not number:
        return "kept forever"
    return counted(number, "days")


def _task(each: ScheduledTask) -> TableRow:
    """A task as a line of the list: when, how it went, and who has its lock."""
    return TableRow(
        each.task,
        (
            Cell(each.task, below=each.does),
            f"{each.interval_minutes} min" if each.interval_minutes else "off",
            Cell(ago(each.last_run_at), below=_next(each)),
            _result(each),
            Cell(each.locked_by, below=f"for {age(each.locked_at)}")
            if each.locked_by
            else Cell("free", "muted"),
        ),
    )


def _next(each: ScheduledTask) -> str:
    """When it runs next, rounded."""
    if each.next_run_at is None:
        return "is off"
    left = (each.next_run_at - now_ms()) // 60_000
    return "next: now" if left < 1 else f"next in {left} min"


def _result(each: ScheduledTask) -> Cell:
    if each.locked_by:
        return Cell("> runs now", "busy", below=f"for {age(each.locked_at)}, {each.locked_by}")
    if each.last_run_at is None:
        return Cell("—", "muted")
    took = f"in {each.seconds:.1f} s"
    if each.errors:
        return Cell(f"- {each.processed} done, {counted(each.errors, 'errors')}", "error", below=took)
    return Cell(f"+ {each.processed} done", "ok", below=took)
