"""The look back: what is set up, what was skipped and where it can be done later, and how the first machine is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar, cast

from engine.queries.setup import Machine
from screens.wizard.page import Line, Part, bad, doubtful, good
from screens.wizard.state import Known
from screens.wizard.step import Step, StepContext


class EndingStep(Step):
    """Says how the steps came out, and leads to the first machine."""

    NAME: ClassVar[str] = "ending"
    LABEL: ClassVar[str] = "Done"
    TITLE: ClassVar[str] = "How far it is"

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = tuple(steps)

    def done(self, known: Known) -> bool:
        return False

    def waits(self, known: Known) -> str:
        return ""

    def enter(self, known: Known) -> str:
        return "goes to the machine's page" if known.site.machine else "goes to the dashboard"

    def words(self, known: Known) -> Iterable[Part]:
        machine = known.site.machine
        if machine is not None:
            yield from _machine(machine)
            yield Line()
        for each in self._steps:
            yield from _state(each, known)
        yield Line()
        if not known.site.mails:
            yield Line("No mail server is set, so no client gets an e-mail: 9, then E.", "muted")
        yield Line(
            "Each list has its own number key, ? shows every key, and F comes back to these steps.", "muted"
        )

    async def act(self, place: StepContext, known: Known) -> bool:
        console, machine = cast(Any, place.app), known.site.machine
        there = partial(console.open, "dashboard")
        if machine is not None:
            there = partial(console.open_vm, machine.service)
        console.call_later(there)  # not from here: this place, and what runs in it, ends with that
        return False


def _machine(machine: Machine) -> Iterator[Part]:
    name = f"{machine.name or 'The machine'} (service {machine.service})"
    if machine.trouble:
        yield bad(f"{name} stands at {machine.status}: {machine.trouble}")
        yield Line("It is tried again every minute; mend the reason, and it goes on by itself.", indent=4)
    elif machine.status == "ready":
        yield good(f"{name} is ready. That was the whole way; the next ones are made with 8, then a.")
    else:
        yield Line(
            f"[~] {name} is on its way: {machine.status}. l shows its steps as they happen.", "busy", hang=4
        )


def _state(step: Step, known: Known) -> Iterator[Part]:
    if step.done(known):
        yield good(step.LABEL)
    elif step.NAME in known.skipped:
        yield doubtful(f"{step.LABEL}: skipped. Later: {step.LATER}")
    else:
        yield Line(f"[ ] {step.LABEL}: not done yet. {step.LATER}", hang=4)
