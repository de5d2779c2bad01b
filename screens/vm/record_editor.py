"""The record editor: the raw row of a VM, with a warning and a required reason."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, create_model
from textual.widget import Widget
from textual.widgets import Static

from engine.actions import records
from engine.errors import KvmtuiError
from screens.common.text import block, plain, with_service
from screens.framework.screen import actor
from screens.widgets.form import FormDialog, FormWidget

REASON = "reason"


class RecordDialog(FormDialog):
    """Edits the given row; refuses to save if somebody else changed it since."""

    def __init__(self, found: records.EditableRecord) -> None:
        super().__init__(
            f"DB record of {with_service(found.editable['name'], found.service_id)}",
            FormWidget(model(), values=found.editable),
            editing=True,
        )
        self._found = found

    def body(self) -> Iterable[Widget]:
        yield Static(block(f"! {records.WARNING}"), classes="record-warning")
        yield from super().body()

    def on_form_widget_submitted(self, message: FormWidget.Submitted) -> None:
        message.stop()
        message.prevent_default()  # the form's own dialog would close before the engine has judged
        self.run_worker(self._save(message.values), group="save", exclusive=True)

    async def _save(self, values: dict[str, object]) -> None:
        before = self._found.editable
        changes = {name: words for name, words in _texts(values).items() if words != before.get(name)}
        reason = str(values.get(REASON) or "")
        changes.pop(REASON, None)
        found = self._found
        try:
            queued = await asyncio.to_thread(
                lambda: records.edit(actor(), found.service_id, changes, reason, found.revision)
            )
        except KvmtuiError as error:
            self.form.complain(REASON, error.sentence)
            self.notify(error.sentence, severity="error", markup=False, timeout=10)
            return
        self.notify(plain(queued.sentence), markup=False)
        self.dismiss(None)


def model() -> type[BaseModel]:
    """The fields that may be edited, each judged as the engine will judge it."""
    fields: dict[str, Any] = {
        field.name: (
            Annotated[str, AfterValidator(_judge(field.read))],
            Field("", title=field.name, description=field.help),
        )
        for field in records.FIELDS
    }
    reason = (str, Field(title="Reason", min_length=1, description="Kept in the audit log."))
    made: type[BaseModel] = create_model("Record", **{**fields, REASON: reason})
    return made


def _judge(read: Callable[[str], Any]) -> Callable[[str], str]:
    def judged(words: str) -> str:
        read(words.strip())
        return words

    return judged


def _texts(values: dict[str, object]) -> dict[str, str]:
    return {name: "" if value is None else str(value) for name, value in values.items()}
