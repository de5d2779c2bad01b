"""The look back: what is set up, what was skipped and where it can be done later, and how the first VM is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, ClassVar, cast

from engine.queries.setup import FirstVm
from screens.wizard.page import Paragraph, Part, bad, doubtful, good
from screens.wizard.state import WizardState
from screens.wizard.step import StepContext, WizardStep


class EndingStep(WizardStep):
    """Says how the steps came out, and leads to the first VM."""

    NAME: ClassVar[str] = "ending"
    LABEL: ClassVar[str] = "Done"
    TITLE: ClassVar[str] = "Summary"

    def __init__(self, steps: Sequence[WizardStep]) -> None:
        self._steps = tuple(steps)

    def done(self, known: WizardState) -> bool:
        return False

    def waits(self, known: WizardState) -> str:
        return ""

    def enter(self, known: WizardState) -> str:
        return "opens the page of the VM" if known.site.vm else "opens the dashboard"

    def words(self, known: WizardState) -> Iterable[Part]:
        vm = known.site.vm
        if vm is not None:
            yield from _first_vm(vm)
            yield Paragraph()
        for each in self._steps:
            yield from _state(each, known)
        yield Paragraph()
        if not known.site.mails:
            yield Paragraph("No mail server is set, so no client gets an e-mail: 9, then E.", "muted")
        yield Paragraph(
            "Each list has its own number key, ? shows every key, and F comes back to these steps.", "muted"
        )

    async def act(self, context: StepContext, known: WizardState) -> bool:
        console, vm = cast(Any, context.app), known.site.vm
        there = partial(console.open, "dashboard")
        if vm is not None:
            there = partial(console.open_vm, vm.service)
        console.call_later(there)  # not from here: this place, and what runs in it, ends with that
        return False


def _first_vm(vm: FirstVm) -> Iterator[Part]:
    name = f"{vm.name or 'The VM'} (service {vm.service})"
    if vm.error:
        yield bad(f"{name} is stuck at {vm.status}: {vm.error}")
        yield Paragraph("Fix the cause; kvmtui retries every minute.", indent=4)
    elif vm.status == "ready":
        yield good(f"{name} is ready. To add more services, press 8, then +.")
    else:
        yield Paragraph(f"[~] {name} is being deployed: {vm.status}. Press L for its log.", "busy", hang=4)


def _state(step: WizardStep, known: WizardState) -> Iterator[Part]:
    if step.done(known):
        yield good(step.LABEL)
    elif step.NAME in known.skipped:
        yield doubtful(f"{step.LABEL}: skipped. Later: {step.LATER}")
    else:
        yield Paragraph(f"[ ] {step.LABEL}: not done yet. {step.LATER}", hang=4)
