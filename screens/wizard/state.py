"""What the wizard knows at one moment: what the database has, what the cluster answered, what was skipped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.actions.doctor import CheckView
from engine.queries.offers import Offers, TemplateOffer
from engine.queries.setup import SetUp

Need = Literal["", "offers", "checks"]
"""A query to the cluster: what it offers, or whether it has everything a deploy needs."""


@dataclass(frozen=True, slots=True)
class WizardState:
    """Immutable; replaced as a whole."""

    site: SetUp = field(default_factory=SetUp)
    template: int | None = None
    """The template that was chosen."""
    skipped: frozenset[str] = frozenset()
    offers: Offers | None = None
    checks: tuple[CheckView, ...] | None = None
    failing: bool = False
    """Whether something was missing when the cluster was last tested."""
    asking: frozenset[Need] = frozenset()
    """The running queries."""
    errors: Mapping[Need, str] = field(default_factory=dict)
    """Why the cluster did not answer, a sentence per question."""

    def has(self, need: Need) -> bool:
        """Whether the answer to a question is there."""
        return not need or (self.offers if need == "offers" else self.checks) is not None

    @property
    def chosen(self) -> TemplateOffer | None:
        """The chosen template, as the cluster has it now."""
        templates = self.offers.templates if self.offers else ()
        return next((each for each in templates if each.vmid == self.template), None)

    @property
    def failed(self) -> list[CheckView]:
        """The checks that came out badly."""
        return [each for each in self.checks or () if each.failed]


def recalled(notes: Mapping[str, Any]) -> WizardState:
    """What was kept by an earlier start; what cannot be understood is passed over."""
    skipped, template = notes.get("skipped"), notes.get("template")
    names = [each for each in skipped if isinstance(each, str)] if isinstance(skipped, list) else []
    return WizardState(
        template=template if isinstance(template, int) else None,
        skipped=frozenset(names),
        failing=notes.get("failing") is True,
    )
