"""Step 2: does it work? Every check with its sign, and for what is missing the commands that grant it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from engine.actions.doctor import CheckView
from engine.queries.granting import Right, first_commands, grant_commands, rights
from screens.wizard.page import FlowText, Paragraph, Part, bad, commands, doubtful, good
from screens.wizard.state import Need, WizardState
from screens.wizard.step import StepContext, WizardStep

_TONES = {"ok": "ok", "warn": "warn", "fail": "error"}
_SIGNS = {"ok": "[+]", "warn": "[~]", "fail": "[-]"}


class CheckStep(WizardStep):
    """Asks the cluster everything a deploy needs, when it is opened and whenever `t` is pressed."""

    NAME: ClassVar[str] = "test"
    LABEL: ClassVar[str] = "2 Test"
    TITLE: ClassVar[str] = "Step 2 of 6: does it work?"
    LATER: ClassVar[str] = "6, then t."
    NEED: ClassVar[Need] = "checks"

    def done(self, known: WizardState) -> bool:
        return known.site.answered and not known.failing

    def enter(self, known: WizardState) -> str:
        return "tests again" if known.checks is None or known.failed else "continues"

    def commands(self, known: WizardState) -> Sequence[str]:
        return missing_commands(known)

    def words(self, known: WizardState) -> Iterable[Part]:
        if known.checks is not None:
            yield from report(known)

    async def act(self, context: StepContext, known: WizardState) -> bool:
        if known.checks is None or known.failed:
            context.ask_again()
        else:
            context.forward()
        return False


def missing_commands(known: WizardState) -> list[str]:
    """What to run on the cluster for everything the checks missed."""
    if any(each.name == "login" for each in known.failed):
        return first_commands(known.site.login)
    return grant_commands(known.checks or ())


def report(known: WizardState) -> Iterator[Part]:
    """The checks: the sum, what is wrong and what to do about it, then all the rest."""
    checks = _besides_rights(known.checks or ())
    yield _sum(known.checks or ())
    yield Paragraph()
    yield from _wrong(checks)
    yield from _to_run(known)
    yield from _privileges(rights(known.checks or ()))
    for each in checks:
        if each.result == "ok":
            yield good(each.sentence)


def brief(known: WizardState) -> Iterator[Part]:
    """The sum of the checks, and what to run on the cluster for what is missing."""
    yield _sum(known.checks or ())
    yield Paragraph()
    yield from _to_run(known)


def _besides_rights(checks: Sequence[CheckView]) -> list[CheckView]:
    about_rights = {f"privilege {each.privilege} on {each.path}" for each in rights(checks)}
    return [each for each in checks if each.name not in about_rights]


def _sum(checks: Sequence[CheckView]) -> Part:
    failed = sum(each.failed for each in checks)
    if failed:
        return bad(f"{failed} of {len(checks)} checks failed.")
    warned = sum(each.result == "warn" for each in checks)
    if warned:
        return good(f"All {len(checks)} checks passed; {warned} with a warning.")
    return good(f"All {len(checks)} checks passed.")


def _wrong(checks: Sequence[CheckView]) -> Iterator[Part]:
    """What failed and what is doubtful, each with what to do."""
    wrong = [each for each in checks if each.result != "ok"]
    for each in wrong:
        yield (bad if each.failed else doubtful)(each.sentence)
        if each.name.startswith("tls "):
            yield Paragraph(
                "If it was renewed: press b for the server and clear its fingerprint there to compare it again.",
                indent=4,
            )
        elif each.fix:
            yield Paragraph(each.fix, indent=4, hang=2)
    if wrong:
        yield Paragraph()


def _to_run(known: WizardState) -> Iterator[Part]:
    lines = missing_commands(known)
    if not lines:
        return
    yield Paragraph(
        "Run these as root on one node of the cluster (y copies them), then ctrl+r to test again:"
    )
    yield from commands(lines)
    yield Paragraph()


def _privileges(found: Sequence[Right]) -> Iterator[Part]:
    """Each privilege with its sign, path by path; what is missing first."""
    for path in dict.fromkeys(each.path for each in found):
        here = sorted((each for each in found if each.path == path), key=lambda each: each.result == "ok")
        yield Paragraph(f"Privileges on {path}", "muted")
        yield FlowText(
            tuple((f"{_SIGNS[each.result]} {each.privilege}", _TONES[each.result]) for each in here), indent=2
        )
