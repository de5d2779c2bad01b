"""Optional, between steps 4 and 5: the DNS zones for the names of VMs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from engine.actions.names import test_zone
from engine.actions.zones import create_zone
from engine.forms import zone_form
from engine.forms.zone import ZoneForm, zone_forms
from engine.queries.setup import SetUp
from screens.framework.form_questions import nested, questions
from screens.framework.screen import actor
from screens.widgets.dialogs import Notice
from screens.widgets.fields import merged
from screens.wizard.page import Paragraph, Part, good
from screens.wizard.state import WizardState
from screens.wizard.step import StepContext, StepForm, WizardStep, saved


class ZoneStep(WizardStep):
    """Adds a zone and asks its provider whether it answers."""

    NAME: ClassVar[str] = "zone"
    LABEL: ClassVar[str] = "DNS"
    TITLE: ClassVar[str] = "Optional: DNS zones for the names of VMs"
    LATER: ClassVar[str] = "4, then +."
    OPTIONAL: ClassVar[bool] = True

    def done(self, known: WizardState) -> bool:
        return bool(known.site.zones)

    def waits(self, known: WizardState) -> str:
        return ""

    def enter(self, known: WizardState) -> str:
        return "adds another" if known.site.zones else "opens the form"

    def words(self, known: WizardState) -> Iterable[Part]:
        for zone in known.site.zones:
            yield good(f"{zone} is set up.")
        for zone in _lacking(known.site):
            yield Paragraph(f"[ ] {zone} would hold the reverse names of a pool.", hang=4)
        if known.site.zones or known.site.pools:
            yield Paragraph()
        yield Paragraph(
            "With a DNS zone here, every VM gets its address records when it is deployed and loses them when it is "
            "terminated. A forward zone such as example.com holds the names, a reverse zone the PTR records of "
            "addresses."
        )
        yield Paragraph()
        yield Paragraph(
            "Nothing else needs it: press → to continue without. Zones can be added any time with 4.", "muted"
        )

    async def act(self, context: StepContext, known: WizardState) -> bool:
        fields = merged("type", {kind: questions(form) for kind, form in zone_forms().items()})
        form = StepForm(
            context.draft, fields, _made, {"type": "powerdns", "zone": _next(known.site), "ttl": 300}
        )
        outcome = await saved(
            context, "Add a DNS zone", form, lambda answers: create_zone(_made(answers), actor())
        )
        if outcome is None:
            return False
        context.notify("Asking the provider …", markup=False, timeout=3)
        report = await context.in_thread(lambda: test_zone(int(outcome.id)))
        if report is not None:
            words = f"{report.sentence}\n{report.advice}".strip()
            await context.app.push_screen_wait(Notice(f"Zone {report.zone}", words, danger=not report.ok))
        return True


def _made(answers: Mapping[str, object]) -> ZoneForm:
    return zone_form(nested(answers))


def _lacking(site: SetUp) -> list[str]:
    """The reverse zones of pools that are not there; one that cannot be named plainly is left out."""
    wanted = (pool.rdns_zone for pool in site.pools if pool.rdns_zone.endswith(".arpa"))
    return [zone for zone in dict.fromkeys(wanted) if zone not in site.zones]


def _next(site: SetUp) -> str:
    """The name to begin with: a forward zone nobody can guess, then the reverse ones."""
    return next(iter(_lacking(site)), "") if site.zones else ""
