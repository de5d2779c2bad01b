"""The steps of the wizard in their order, and the progress."""

from __future__ import annotations

from screens.wizard.check import CheckStep
from screens.wizard.pool import PoolStep
from screens.wizard.product import ProductStep
from screens.wizard.review import EndingStep
from screens.wizard.server import ServerStep
from screens.wizard.service import ServiceStep
from screens.wizard.state import WizardState
from screens.wizard.step import WizardStep
from screens.wizard.template import TemplateStep
from screens.wizard.zone import ZoneStep

STEPS: tuple[WizardStep, ...] = (
    ServerStep(),
    CheckStep(),
    TemplateStep(),
    PoolStep(),
    ZoneStep(),
    ProductStep(),
    ServiceStep(),
)
ENDING = EndingStep(STEPS)
PAGES: tuple[WizardStep, ...] = (*STEPS, ENDING)


def first_open(known: WizardState) -> WizardStep:
    """The first step neither done nor skipped, else the review."""
    todo = (each for each in STEPS if not each.done(known) and each.NAME not in known.skipped)
    return next(todo, ENDING)


def after(step: WizardStep, by: int) -> WizardStep | None:
    """The page before or after another; None beyond the ends."""
    at = PAGES.index(step) + by
    return PAGES[at] if 0 <= at < len(PAGES) else None


def state(step: WizardStep, known: WizardState) -> str:
    """`done`, `skipped` or `open`."""
    if step.done(known):
        return "done"
    return "skipped" if step.NAME in known.skipped else "open"
