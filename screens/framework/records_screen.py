"""Screens that list the records of a site, and show, add, edit and delete them: pools, zones, products and so on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from textual.worker import Worker

from engine.actions.repository import PutResult
from engine.errors import Refused
from engine.forms import KEEP, Form, checked
from screens.common.text import plain
from screens.framework import save_dialog
from screens.framework.form_questions import faults, flattened, nested, questions
from screens.framework.list_screen import ListScreen
from screens.framework.live_rows import FreshRows
from screens.framework.record_view import EDIT, RecordView, Related, sections_of
from screens.framework.save_dialog import SaveDialog, error_text, result_text
from screens.widgets import form as forms
from screens.widgets.dialogs import Notice, TypeName
from screens.widgets.fields import FormField
from screens.widgets.rows import Column, RowSource, TableRow
from screens.widgets.table import Table


class RecordsScreen(ListScreen):
    """A list of records with `a` to add, `E` to edit and `D` to delete."""

    NOUN: ClassVar[str] = ""
    COLUMNS: ClassVar[tuple[Column, ...]] = ()
    EMPTY: ClassVar[str] = ""
    FORM: ClassVar[type[Form]]
    MANY_LINES: ClassVar[frozenset[str]] = frozenset()
    """Answers typed one entry to a line."""
    TALL: ClassVar[int] = 1
    """Lines of a row."""
    first = ""
    """The question that gets the keys when a form opens; empty: the first."""
    offers: save_dialog.Offers = staticmethod(save_dialog.no_offers)
    """What a server has to choose from, for some of the questions."""

    # What a screen defines for its records

    def rows(self) -> Sequence[TableRow]:
        """The current records; called outside the UI thread."""
        raise NotImplementedError

    def values(self, key: Any) -> Mapping[str, Any]:
        """A record as its form reads."""
        raise NotImplementedError

    def save(self, form: Any, key: Any) -> PutResult:
        """Puts a record into the store: a new one when the key is None."""
        raise NotImplementedError

    def delete(self, key: Any) -> None:
        """Deletes a record, or refuses."""
        raise NotImplementedError

    def fields(self, key: Any) -> Sequence[FormField]:
        """The form fields of a record; None is a new one."""
        return questions(self.FORM, self.MANY_LINES)

    def form(self, answers: Mapping[str, object]) -> Form:
        """The engine's form out of the answers; BadInput with every fault."""
        return checked(self.FORM, nested(answers))

    def asked(self, values: Mapping[str, Any]) -> dict[str, object]:
        """The engine's values as the questions take them."""
        return flattened(values)

    def choices(self) -> dict[str, Sequence[str]]:
        """Choices of fields that name existing objects; called outside the UI thread."""
        return {}

    def related(self, key: Any) -> Related | None:
        """What depends on a record; called outside the UI thread."""
        return None

    def follow(self, form: forms.FormWidget, values: Mapping[str, object]) -> None:
        """Shows what the answers lead to."""

    def name_of(self, key: Any) -> str:
        """How the record is called, and what must be typed before it is deleted."""
        return str(key)

    def losses(self, key: Any) -> Sequence[str]:
        """The consequences of deleting the record; called outside the UI thread."""
        return (f"The {self.NOUN} is gone for good; it is refused while something needs it.",)

    # What follows from it

    def table(self) -> Table:
        return Table(self.COLUMNS, noun=f"{self.NOUN}s", empty=self.EMPTY, lines=self.TALL)

    def source(self) -> RowSource:
        return FreshRows(self.rows, self.COLUMNS)

    def on_table_opened(self, message: Table.Opened) -> None:
        message.stop()
        self.opened(message.key)

    def opened(self, key: Any) -> None:
        """What enter does: the record, read-only, with everything that hangs on it."""
        self.run_worker(self.look_at(key), group="dialog", exclusive=True)

    def do_add(self) -> Worker[None]:
        return self.run_worker(self.ask_form(None), group="dialog", exclusive=True)

    def do_edit(self) -> Worker[None] | None:
        key = self.current()
        return None if key is None else self.run_worker(self.ask_form(key), group="dialog", exclusive=True)

    def do_delete(self) -> Worker[None] | None:
        key = self.current()
        return None if key is None else self.run_worker(self._delete(key), group="dialog", exclusive=True)

    def current(self) -> Any:
        """The record under the cursor; notifies when there is none."""
        key = self.list.cursor_key
        if key is None:
            self.notify(f"There is no {self.NOUN} under the cursor.", severity="warning", markup=False)
        return key

    async def look_at(self, key: Any) -> None:
        """Shows a record without its secrets; from there `E` edits it and enter opens a VM."""
        found = await self.in_thread(
            lambda: (self.fields(key), self.asked(self.values(key)), self.related(key))
        )
        if found is None:
            return
        fields, values, related = found
        title = f"{self.NOUN.capitalize()} {self.name_of(key)}"
        answer = await self.app.push_screen_wait(RecordView(title, sections_of(fields, values), related))
        if answer == EDIT:
            await self.ask_form(key)
        elif isinstance(answer, int):
            app: Any = self.app
            self.app.run_worker(app.open_vm(answer), group="go")

    async def ask_form(self, key: Any) -> None:
        """Shows the form of a record, or of a new one, and reads the list again when it was saved."""
        found = await self.in_thread(lambda: self._found(key))
        if found is None:
            return
        fields, values, choices = found
        filled = self.asked(values)
        form = forms.FormWidget(
            fields=fields,
            judge=lambda answers: faults(lambda: self.form(answers), answers),
            values={name: value for name, value in filled.items() if value != KEEP},
            choices=choices,
            secrets=[name for name, value in filled.items() if value == KEEP],
        )
        await self.ask_until_saved(
            SaveDialog(
                f"Add a {self.NOUN}" if key is None else f"Edit {self.NOUN} {self.name_of(key)}",
                form,
                lambda answers: self._saved(answers, key, values),
                self.follow,
                first=self.first,
                editing=key is not None,
                offers=self.offers,
            )
        )

    async def ask_until_saved(self, dialog: save_dialog.SaveDialog) -> None:
        """Shows a form; once it is saved, says what that took and reads the list again."""
        await self.app.push_screen_wait(dialog)
        if dialog.outcome is not None:
            self.notify(result_text(dialog.outcome), markup=False, timeout=8)
            self.reread()

    def _found(self, key: Any) -> tuple[Sequence[FormField], Mapping[str, Any], dict[str, Sequence[str]]]:
        return self.fields(key), {} if key is None else self.values(key), self.choices()

    def _saved(self, answers: Mapping[str, object], key: Any, opened: Mapping[str, Any]) -> PutResult:
        """Saves, unless somebody else changed the record since it was opened."""
        form = self.form(answers)
        if key is not None and self.values(key) != opened:
            raise Refused(
                f"{self.NOUN.capitalize()} {self.name_of(key)} was not saved: somebody changed it in the meantime. "
                "Close the form with esc and open it again."
            )
        return self.save(form, key)

    async def _delete(self, key: Any) -> None:
        name = self.name_of(key)
        losses = await self.in_thread(lambda: self.losses(key))
        if losses is None:
            return
        if not await self.app.push_screen_wait(TypeName(f"Delete {self.NOUN} {name}?", name, losses)):
            return
        refusal = await asyncio.to_thread(_refusal, partial(self.delete, key))
        if refusal:
            self.app.push_screen(Notice(f"The {self.NOUN} was not deleted", refusal, danger=True))
        else:
            self.notify(f"The {self.NOUN} {plain(name)} is deleted.", markup=False)
        self.reread()


def _refusal(work: Any) -> str:
    """Why it was not done; empty when it was."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the operator gets a sentence
        return error_text(error)
    return ""
