"""Failures as values: what was tried, what Proxmox said, what it means, and whether anything was sent.

Every failure of this package is a ProxmoxError carrying one sentence for people and one kind for the engine. The
sorting itself is the table in fault_table.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine import redact
from engine.errors import Failed

from .fault_table import OTHERWISE, VAGUE_ENDINGS, Kind, Rule, rule_for
from .mark import Mark

__all__ = [
    "Attempt",
    "Ending",
    "Kind",
    "NotOurs",
    "ProxmoxError",
    "another_machine",
    "answer_fault",
    "broken_call",
    "not_ours",
    "odd_answer",
    "quoted",
    "task_ending",
    "untrusted",
]
_LONGEST_QUOTE = 500


class ProxmoxError(Failed):
    """A call to Proxmox, or a task there, did not end well."""

    def __init__(
        self,
        kind: Kind,
        sentence: str,
        *,
        reason: str,
        said: str = "",
        status: int | None = None,
        sent: bool = True,
        errors: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(redact.redact(sentence))
        self.kind = kind
        self.reason = reason
        self.said = redact.redact(said)
        self.status = status
        self.sent = sent
        self.errors = {name: redact.redact(text) for name, text in (errors or {}).items()}


class NotOurs(ProxmoxError):
    """The guest under this number is not provably the one that was meant; nothing was sent to it."""

    def __init__(self, sentence: str) -> None:
        super().__init__(Kind.PERMANENT, sentence, reason="not_ours", sent=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was tried, where, and whether it would have changed something."""

    what: str
    server: str
    host: str
    changing: bool


def quoted(said: str) -> str:
    """Proxmox's words as one line of bearable length."""
    line = " ".join(said.split())
    return line if len(line) <= _LONGEST_QUOTE else line[: _LONGEST_QUOTE - 1] + "…"


def answer_fault(
    attempt: Attempt, status: int, said: str, errors: Mapping[str, str] | None = None
) -> ProxmoxError:
    """The error for an HTTP answer that is not a success."""
    details = "; ".join(f"{name}: {text}" for name, text in sorted((errors or {}).items()))
    words = " ".join(part for part in (" ".join(said.split()), details) if part)
    rule = rule_for(status, words)
    kind = rule.kind if attempt.changing or rule.reading is None else rule.reading
    sentence = (
        f"{attempt.what} failed: {attempt.server} ({attempt.host}) answered {status}, "
        f"{f'“{quoted(words)}”' if words else 'without a word'}. {rule.advice}"
    )
    return ProxmoxError(kind, sentence, reason=rule.name, said=words, status=status, errors=errors)


def broken_call(attempt: Attempt, trouble: str, *, sent: bool) -> ProxmoxError:
    """The error for a call that got no answer at all."""
    where = f"{attempt.server} ({attempt.host})"
    if not sent:
        sentence = (
            f"{attempt.what} failed: {where} could not be reached: {trouble}. "
            "Nothing was sent. Check the network, the host and the port."
        )
        return ProxmoxError(Kind.TRANSIENT, sentence, reason="unreachable", said=trouble, sent=False)
    if attempt.changing:
        sentence = (
            f"{attempt.what} was sent to {where}, but no answer came back: {trouble}. "
            "It may have taken effect; the state is read before anything is sent again."
        )
        return ProxmoxError(Kind.AMBIGUOUS, sentence, reason="no_answer", said=trouble)
    sentence = f"{attempt.what} failed: no answer came from {where}: {trouble}. Reading it again is safe."
    return ProxmoxError(Kind.TRANSIENT, sentence, reason="no_answer", said=trouble)


def untrusted(attempt: Attempt, trouble: str) -> ProxmoxError:
    """The error for a server whose certificate is not the one we trust; nothing was sent."""
    sentence = (
        f"{attempt.what} was not sent: the certificate of {attempt.server} ({attempt.host}) is not trusted: {trouble}. "
        "If the certificate was renewed, compare it with `pvenode cert info` on the node and pin the new fingerprint."
    )
    return ProxmoxError(Kind.AUTH, sentence, reason="untrusted", said=trouble, sent=False)


def odd_answer(attempt: Attempt, oddity: str, status: int | None = 200) -> ProxmoxError:
    """The error for a success that does not hold what Proxmox would send."""
    kind = Kind.AMBIGUOUS if attempt.changing else Kind.PERMANENT
    advice = (
        "It may have taken effect; the state is read before anything is sent again."
        if attempt.changing
        else "Something between here and Proxmox may answer in its place; check host and port."
    )
    where = f"{attempt.server} ({attempt.host})"
    sentence = f"{attempt.what} failed: the answer of {where} is not usable: {oddity}. {advice}"
    return ProxmoxError(kind, sentence, reason="odd_answer", said=oddity, status=status)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a task ended: `kind` is None for success, and `warnings` tells success with something left to look at."""

    exitstatus: str
    kind: Kind | None
    reason: str
    advice: str = ""
    warnings: bool = False
    said: str = ""

    @property
    def ok(self) -> bool:
        """Whether the task did what it was asked."""
        return self.kind is None

    def error(self, what: str) -> ProxmoxError:
        """The failure as an error; only for endings that are not ok."""
        assert self.kind is not None
        said = self.said or self.exitstatus
        sentence = f"{what} failed: the task ended with “{quoted(said)}”. {self.advice}"
        return ProxmoxError(self.kind, sentence, reason=self.reason, said=said)


def task_ending(exitstatus: str, log: Iterable[str] = ()) -> Ending:
    """Sorts the last words of a task; the log is searched when they hide the reason."""
    text = exitstatus.strip()
    if text == "OK":
        return Ending(text, None, "ok")
    if text.startswith("WARNINGS"):
        return Ending(text, None, "warnings", warnings=True)
    rule = rule_for(None, text)
    if rule.name not in VAGUE_ENDINGS:
        return Ending(text, rule.kind, rule.name, rule.advice)
    told = _reason_in(log)
    if told is None:
        return Ending(text, rule.kind, rule.name, rule.advice)
    line, inner = told
    return Ending(text, inner.kind, inner.name, inner.advice, said=f"{text}: {line}")


def _reason_in(log: Iterable[str]) -> tuple[str, Rule] | None:
    for line in log:
        rule = rule_for(None, line)
        if rule is not OTHERWISE and rule.name not in VAGUE_ENDINGS:
            return line.strip(), rule
    return None


def not_ours(vmid: int, wanted: Mark, found: Mark | None, name: str) -> NotOurs:
    """The refusal to touch a guest, saying whose it seems to be."""
    seems = f"It is named “{name}”" if name else "It has no name"
    if found is None:
        whose = f"{seems} and carries no mark of kvmtui: it seems to be made by hand or by another tool"
    elif found.instance != wanted.instance:
        whose = f"{seems} and belongs to another installation of kvmtui (instance {found.instance}, vm {found.vm})"
    else:
        whose = (
            f"{seems} and belongs to another VM of this installation (vm {found.vm}, meant was {wanted.vm})"
        )
    return NotOurs(
        f"The guest under VMID {vmid} was not touched, because it is not ours. {whose}. Decide by hand who owns it."
    )


def another_machine(vmid: int, wanted: str, found: str | None) -> NotOurs:
    """The refusal for a guest that carries our mark but is another machine: a copy made by somebody."""
    return NotOurs(
        f"The guest under VMID {vmid} was not touched: it carries our mark, but it is another machine "
        f"(SMBIOS uuid {found or 'missing'}, known is {wanted}). It seems to be a copy made by hand."
    )
