"""Places that list records of the site, and add, edit and delete them: pools, zones, products and so on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from pydantic import BaseModel
from textual.worker import Worker

from engine.forms import KEEP, BadInput
from screens.flat import JOINT, flat, flattened, nested
from screens.fresh import FreshRows
from screens.place import ListPlace
from screens.text import plain
from screens.widgets.dialogs import TypeName
from screens.widgets.form import Form, FormDialog
from screens.widgets.reader import sentence
from screens.widgets.rows import Column, Row, RowSource
from screens.widgets.table import Table

Save = Callable[[dict[str, Any]], Any]
Hint = Callable[[dict[str, object]], str]


class SaveDialog(FormDialog):
    """Stays open until the engine took the answers; what it refuses stands under the field it is about."""

    def __init__(self, title: str, form: Form, save: Save, hint: tuple[str, Hint] | None = None) -> None:
        super().__init__(title, form)
        self._save, self._hint = save, hint

    def on_form_changed(self, message: Form.Changed) -> None:
        message.stop()
        if self._hint is not None:
            name, words = self._hint
            self.form.hint(name, words(message.values))

    def on_form_submitted(self, message: Form.Submitted) -> None:
        message.stop()
        message.prevent_default()  # the form's own dialog would close before the engine has judged
        self.run_worker(self._try(message.values), group="save", exclusive=True)

    async def _try(self, values: dict[str, object]) -> None:
        try:
            await asyncio.to_thread(self._save, nested(values))
        except BadInput as error:
            self._complain(error)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the operator gets a sentence
            self.notify(sentence(error), severity="error", markup=False, timeout=10)
        else:
            self.dismiss(values)

    def _complain(self, error: BadInput) -> None:
        asked = self.form.values
        for fault in error.faults:
            name = JOINT.join(str(part) for part in fault.path if isinstance(part, str))
            if name in asked:
                self.form.complain(name, fault.sentence)
        self.notify(plain(error.sentence), severity="error", markup=False, timeout=10)


class RecordsPlace(ListPlace):
    """A list of records with `a` to add, `E` to edit and `D` to delete."""

    NOUN: ClassVar[str] = ""
    COLUMNS: ClassVar[tuple[Column, ...]] = ()
    EMPTY: ClassVar[str] = ""
    FORMS: ClassVar[tuple[type[BaseModel], ...]] = ()
    BY: ClassVar[str] = ""

    def rows(self) -> Sequence[Row]:
        """The records as they are now; asked beside the screen's thread."""
        raise NotImplementedError

    def values(self, key: Any) -> Mapping[str, Any]:
        """A record as its form reads."""
        raise NotImplementedError

    def save(self, values: dict[str, Any], key: Any) -> Any:
        """Takes the answers: a new record when the key is None."""
        raise NotImplementedError

    def _deleted(self, key: Any) -> bool:
        self.delete(key)
        return True

    def delete(self, key: Any) -> None:
        """Deletes a record, or refuses."""
        raise NotImplementedError

    def choices(self) -> dict[str, Sequence[str]]:
        """Fields that are chosen from what exists."""
        return {}

    def hint(self) -> tuple[str, Hint] | None:
        """A field, and what its answer leads to."""
        return None

    def name_of(self, key: Any) -> str:
        """What must be typed before the record is deleted."""
        return str(key)

    def table(self) -> Table:
        return Table(self.COLUMNS, noun=f"{self.NOUN}s", empty=self.EMPTY)

    def source(self) -> RowSource:
        return FreshRows(self.rows, self.COLUMNS)

    def on_table_opened(self, message: Table.Opened) -> None:
        message.stop()
        self.opened(message.key)

    def opened(self, key: Any) -> None:
        """What enter does: a look at the record, unless it may be edited."""
        if not getattr(self.app, "read_only", False):
            self.run_worker(self.ask_form(key), group="dialog", exclusive=True)

    def do_add(self) -> Worker[None]:
        return self.run_worker(self.ask_form(None), group="dialog", exclusive=True)

    def do_edit(self) -> Worker[None] | None:
        key = self.current()
        return None if key is None else self.run_worker(self.ask_form(key), group="dialog", exclusive=True)

    def do_delete(self) -> Worker[None] | None:
        key = self.current()
        return None if key is None else self.run_worker(self._delete(key), group="dialog", exclusive=True)

    def current(self) -> Any:
        """The record under the cursor; says so when there is none."""
        key = self.list.cursor_key
        if key is None:
            self.notify(f"There is no {self.NOUN} under the cursor.", severity="warning", markup=False)
        return key

    async def ask_form(self, key: Any) -> None:
        """Shows the form of a record, or of a new one, and reads the list again when it was saved."""
        found = await self.beside(lambda: ({} if key is None else self.values(key), self.choices()))
        if found is None:
            return
        filled = flattened(found[0])
        secrets = [name for name, value in filled.items() if value == KEEP]
        shown = {name: value for name, value in filled.items() if value != KEEP}
        form = Form(*map(flat, self.FORMS), by=self.BY, values=shown, choices=found[1], secrets=secrets)
        title = f"Add a {self.NOUN}" if key is None else f"Edit {self.NOUN} {self.name_of(key)}"
        dialog = SaveDialog(title, form, lambda answers: self.save(answers, key), self.hint())
        if await self.app.push_screen_wait(dialog) is not None:
            self.notify(f"The {self.NOUN} is saved.", markup=False)
            self.reread()

    async def _delete(self, key: Any) -> None:
        name = self.name_of(key)
        question = TypeName(f"Delete {self.NOUN} {name}?", name, ("It is refused while something needs it.",))
        if not await self.app.push_screen_wait(question):
            return
        if await self.beside(partial(self._deleted, key)):
            self.notify(f"The {self.NOUN} {plain(name)} is deleted.", markup=False)
            self.reread()
