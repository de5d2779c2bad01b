"""The steps of the wizard in their order, and how far one is."""

from __future__ import annotations

from screens.wizard.check import CheckStep
from screens.wizard.pool import PoolStep
from screens.wizard.product import ProductStep
from screens.wizard.review import EndingStep
from screens.wizard.server import ServerStep
from screens.wizard.service import ServiceStep
from screens.wizard.state import Known
from screens.wizard.step import Step
from screens.wizard.template import TemplateStep
from screens.wizard.zone import ZoneStep

STEPS: tuple[Step, ...] = (
    ServerStep(),
    CheckStep(),
    TemplateStep(),
    PoolStep(),
    ZoneStep(),
    ProductStep(),
    ServiceStep(),
)
ENDING = EndingStep(STEPS)
PAGES: tuple[Step, ...] = (*STEPS, ENDING)


def first_open(known: Known) -> Step:
    """Where one goes on: the first step neither done nor skipped, else the look back."""
    todo = (each for each in STEPS if not each.done(known) and each.NAME not in known.skipped)
    return next(todo, ENDING)


def after(step: Step, by: int) -> Step | None:
    """The page before or after another; None beyond the ends."""
    at = PAGES.index(step) + by
    return PAGES[at] if 0 <= at < len(PAGES) else None


def state(step: Step, known: Known) -> str:
    """`done`, `skipped` or `open`."""
    if step.done(known):
        return "done"
    return "skipped" if step.NAME in known.skipped else "open"
