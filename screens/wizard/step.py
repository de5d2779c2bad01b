"""What a step of the wizard is: when it is done, what it says, what enter does, what can be copied."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from engine.actions.repository import PutResult
from engine.forms import KEEP
from screens.framework.form_questions import faults
from screens.framework.save_dialog import Follow, SaveDialog, no_follow, result_text
from screens.framework.screen import BaseScreen
from screens.widgets import form as forms
from screens.widgets.fields import FormField
from screens.widgets.form import FormDialog
from screens.wizard.drafts import Draft
from screens.wizard.page import Part
from screens.wizard.state import Need, WizardState

Make = Callable[[Mapping[str, object]], object]


class StepContext(BaseScreen):
    """What a step may use of the screen that shows it; the wizard's screen implements it."""

    @property
    def draft(self) -> Draft:
        """What was typed into the form of this step and not saved."""
        raise NotImplementedError

    def forward(self) -> None:
        """Opens the next step."""
        raise NotImplementedError

    def ask_again(self) -> None:
        """Queries the cluster again."""
        raise NotImplementedError

    def choose(self, template: int) -> None:
        """Remembers the template that VMs are cloned from."""
        raise NotImplementedError

    def show_log(self) -> None:
        """Opens the live log and keeps the focus on the steps."""
        raise NotImplementedError


class WizardStep(ABC):
    """One step. `words` and `commands` only look at what is known; `act` alone asks and changes."""

    NAME: ClassVar[str] = ""
    LABEL: ClassVar[str] = ""
    TITLE: ClassVar[str] = ""
    LATER: ClassVar[str] = ""
    """Where it can be done when it was skipped."""
    OPTIONAL: ClassVar[bool] = False
    NEED: ClassVar[Need] = ""
    """The query the step needs before it can show more."""

    @abstractmethod
    def done(self, known: WizardState) -> bool:
        """Whether there is nothing left to do here."""

    def waits(self, known: WizardState) -> str:
        """What must be done first, as a sentence; empty when it can be done now."""
        return "" if known.site.server else "This needs the server first: that is step 1."

    @abstractmethod
    def words(self, known: WizardState) -> Iterable[Part]:
        """The page."""

    def commands(self, known: WizardState) -> Sequence[str]:
        """What can be copied to be run on the cluster."""
        return ()

    @abstractmethod
    def enter(self, known: WizardState) -> str:
        """What enter does now."""

    @abstractmethod
    async def act(self, context: StepContext, known: WizardState) -> bool:
        """Does what enter says; True when something was saved."""


def picked(fields: Sequence[FormField], names: Sequence[str]) -> tuple[FormField, ...]:
    """Some of a form's questions in this order, without headings."""
    by_name = {each.name: each for each in fields}
    return tuple(replace(by_name[name], section="") for name in names)


class StepForm(forms.FormWidget):
    """A form that opens with what was typed into it before; the engine's own form, made of the answers, judges."""

    def __init__(
        self,
        draft: Draft,
        fields: Sequence[FormField],
        make: Make,
        values: Mapping[str, object],
        choices: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.draft = draft
        self._secret = {each.name for each in fields if each.kind == "secret"}
        self._opened = {name: value for name, value in values.items() if value != KEEP}
        super().__init__(
            fields=fields,
            judge=lambda answers: faults(lambda: make(answers), answers),
            values=draft.over(self._opened),
            choices=choices,
            secrets=[name for name, value in values.items() if value == KEEP],
        )

    @property
    def lost(self) -> list[forms.FieldChange]:
        """Nothing: what was typed is there when the form is opened again."""
        return []

    def close(self, taken: bool) -> None:
        """Forgets what was typed when it was taken, else keeps what is not as it opened, secrets excepted."""
        typed = {} if taken else self.values
        self.draft.keep(
            {
                name: value
                for name, value in typed.items()
                if name not in self._secret and value is not None and value != self._opened.get(name)
            }
        )


async def answered(context: StepContext, dialog: FormDialog) -> Mapping[str, object] | None:
    """Shows a form; what it was answered with, or None when it was left."""
    answers: dict[str, object] | None = await context.app.push_screen_wait(dialog)
    if isinstance(dialog.form, StepForm):
        dialog.form.close(answers is not None)
    return answers


async def saved(
    context: StepContext,
    title: str,
    form: StepForm,
    save: Callable[[dict[str, object]], PutResult],
    follow: Follow = no_follow,
    *,
    first: str = "",
) -> PutResult | None:
    """Shows a form until it was saved or left; what it took, or None."""
    dialog = SaveDialog(title, form, save, follow, first=first)
    await answered(context, dialog)
    if dialog.outcome is not None:
        context.notify(result_text(dialog.outcome), markup=False, timeout=6)
    return dialog.outcome
