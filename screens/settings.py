"""Settings: the general ones, mail, the schedule, and every scheduled task with how it went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.worker import Worker

from engine.actions.settings import current_settings, put_settings
from engine.forms import CronForm, Form, GeneralForm, SmtpForm, checked
from engine.schedule.ledger import Standing, standing
from engine.schedule.registry import TASKS
from engine.schedule.run_now import run_now
from screens.habits import bindings
from screens.moments import ago
from screens.place import actor
from screens.records import RecordsPlace
from screens.widgets.rows import Cell, Column, Row

SECTIONS: dict[str, tuple[type[Form], str]] = {
    "general": (GeneralForm, "How long the engine waits for Proxmox."),
    "smtp": (SmtpForm, "How mail leaves."),
    "cron": (CronForm, "How often each task runs."),
}


class SettingsPlace(RecordsPlace):
    """Three sections to edit, and the tasks to run."""

    NAME = SCOPE = "settings"
    BINDINGS = bindings("settings")
    COMMAND = "kvmtui cron --list"
    NOUN = "setting"
    EMPTY = "There are no settings."
    COLUMNS = (
        Column("name", "Setting or task", 23),
        Column("every", "Every", 8, 2, right=True),
        Column("last", "Last run", 12, 2),
        Column("result", "Result", 18, 3),
        Column("does", "What it is for", 20, 4, grow=True),
    )

    def rows(self) -> Sequence[Row]:
        sections = [Row(name, (name, "", "", "", does)) for name, (_, does) in SECTIONS.items()]
        return [*sections, *(_task(standing(task)) for task in TASKS)]

    def values(self, key: Any) -> Mapping[str, Any]:
        return current_settings(key)

    def save(self, values: dict[str, Any], key: Any) -> Any:
        return put_settings(key, checked(SECTIONS[key][0], values), actor())

    async def ask_form(self, key: Any) -> None:
        """A task is edited where its interval is: in the schedule."""
        section = key if key in SECTIONS else "cron"
        self.FORMS = (SECTIONS[section][0],)  # type: ignore[misc]
        await super().ask_form(section)

    def do_run(self) -> Worker[None] | None:
        key = self.current()
        if key is None:
            return None
        if key in SECTIONS:
            self.notify("Put the cursor on a task; sections are edited with E.", markup=False)
            return None
        return self.run_worker(self._run(key), group="change")

    async def _run(self, key: str) -> None:
        words = await self.beside(lambda: run_now(key, actor()))
        if words is not None:
            self.notify(words, markup=False)
            self.reread()


def _task(each: Standing) -> Row:
    every = f"{each.interval_minutes} min" if each.interval_minutes else "off"
    result = Cell(f"{each.processed} done, {each.errors} wrong", "error" if each.errors else "muted")
    return Row(each.task, (each.task, every, ago(each.last_run_at), result, each.does))
