"""Step 2: does it work? Every check with its sign, and for what is missing the commands that grant it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import ClassVar

from engine.actions.doctor import CheckView
from engine.queries.granting import Right, first_commands, grant_commands, rights
from screens.wizard.page import Flow, Line, Part, bad, commands, doubtful, good
from screens.wizard.state import Known, Need
from screens.wizard.step import Step, StepContext

_TONES = {"ok": "ok", "warn": "warn", "fail": "error"}
_SIGNS = {"ok": "[+]", "warn": "[~]", "fail": "[-]"}


class CheckStep(Step):
    """Asks the cluster everything a deploy needs, when it is opened and whenever `t` is pressed."""

    NAME: ClassVar[str] = "test"
    LABEL: ClassVar[str] = "2 Test"
    TITLE: ClassVar[str] = "Step 2 of 6: does it work?"
    LATER: ClassVar[str] = "6, then t."
    NEED: ClassVar[Need] = "checks"

    def done(self, known: Known) -> bool:
        return known.site.answered and not known.failing

    def enter(self, known: Known) -> str:
        return "tests again" if known.checks is None or known.failed else "goes on"

    def commands(self, known: Known) -> Sequence[str]:
        return missing_commands(known)

    def words(self, known: Known) -> Iterable[Part]:
        if known.checks is not None:
            yield from report(known)

    async def act(self, place: StepContext, known: Known) -> bool:
        if known.checks is None or known.failed:
            place.ask_again()
        else:
            place.forward()
        return False


def missing_commands(known: Known) -> list[str]:
    """What to run on the cluster for everything the checks missed."""
    if any(each.name == "login" for each in known.failed):
        return first_commands(known.site.login)
    return grant_commands(known.checks or ())


def report(known: Known) -> Iterator[Part]:
    """The checks: the sum, what is wrong and what to do about it, then all the rest."""
    checks = _besides_rights(known.checks or ())
    yield _sum(known.checks or ())
    yield Line()
    yield from _wrong(checks)
    yield from _to_run(known)
    yield from _privileges(rights(known.checks or ()))
    for each in checks:
        if each.result == "ok":
            yield good(each.sentence)


def brief(known: Known) -> Iterator[Part]:
    """The sum of the checks, and what to run on the cluster for what is missing."""
    yield _sum(known.checks or ())
    yield Line()
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
        return good(f"All {len(checks)} checks passed; {warned} {_are(warned)} worth a look.")
    return good(f"All {len(checks)} checks passed.")


def _are(number: int) -> str:
    return "is" if number == 1 else "are"


def _wrong(checks: Sequence[CheckView]) -> Iterator[Part]:
    """What failed and what is doubtful, each with what to do."""
    wrong = [each for each in checks if each.result != "ok"]
    for each in wrong:
        yield (bad if each.failed else doubtful)(each.sentence)
        if each.name.startswith("tls "):
            yield Line(
                "If it was renewed: b goes back to the server; empty its fingerprint there to compare it anew.",
                indent=4,
            )
        elif each.fix:
            yield Line(each.fix, indent=4, hang=2)
    if wrong:
        yield Line()


def _to_run(known: Known) -> Iterator[Part]:
    lines = missing_commands(known)
    if not lines:
        return
    yield Line("Run these as root on one node of the cluster (y copies them), then t to test again:")
    yield from commands(lines)
    yield Line()


def _privileges(found: Sequence[Right]) -> Iterator[Part]:
    """Each privilege with its sign, path by path; what is missing first."""
    for path in dict.fromkeys(each.path for each in found):
        here = sorted((each for each in found if each.path == path), key=lambda each: each.result == "ok")
        yield Line(f"Privileges on {path}", "muted")
        yield Flow(
            tuple((f"{_SIGNS[each.result]} {each.privilege}", _TONES[each.result]) for each in here), indent=2
        )
