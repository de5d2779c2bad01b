"""Failures as values: what was tried, what Proxmox said, what it means, and whether anything was sent.

Every failure of this package is a ProxmoxError carrying one sentence for people and one kind for the engine. The
sorting itself is the table in fault_table.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine import redact
from engine.errors import Failed

from .fault_table import OTHERWISE, FaultKind, Rule, rule_for
from .mark import Mark
from .privileges import grant_for

__all__ = [
    "Attempt",
    "FaultKind",
    "NotOurs",
    "ProxmoxError",
    "TaskExit",
    "answer_fault",
    "broken_call",
    "is_vague",
    "not_ours",
    "odd_answer",
    "quoted",
    "task_ending",
    "untrusted",
    "vm_replaced",
]
_LONGEST_QUOTE = 500
_LONGEST_LINE = 240
_DENIED = re.compile(r"Permission check failed \((?P<path>/[^,]*), (?P<privileges>[^)]+)\)")
_BACKUP_FAILED = re.compile(r"ERROR: Backup of VM \d+ failed - (?P<why>.+)")
_TELLING = re.compile(
    r"\berror\b|\bfail(?:ed|ure)?\b|can(?:no|')t\b|unable|denied|not found|does not exist|no such|^kvm: ",
    re.IGNORECASE,
)
_LAST_WORDS = re.compile(r"TASK (?:ERROR|OK|WARNINGS)\b")


class ProxmoxError(Failed):
    """A call to Proxmox, or a task there, did not end well."""

    def __init__(
        self,
        kind: FaultKind,
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

    @property
    def guest_missing(self) -> bool:
        """Whether it says that no guest has this number on the queried node."""
        return self.reason == "no_config"

    @property
    def no_quorum(self) -> bool:
        """Whether it says that the cluster refuses changes because it has lost quorum."""
        return self.reason == "no_quorum"


class NotOurs(ProxmoxError):
    """The guest under this number is not provably the one that was meant; nothing was sent to it."""

    def __init__(self, sentence: str) -> None:
        super().__init__(FaultKind.PERMANENT, sentence, reason="not_ours", sent=False)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was tried, where, by which login, whether it would have changed something, and the privilege it needs."""

    what: str
    server: str
    host: str
    changing: bool
    login: str = ""
    needs: tuple[str, str] | None = None


def quoted(said: str) -> str:
    """Proxmox's words in quotes, as one line of readable length without its full stop; ends a sentence."""
    return f"“{_line(said, _LONGEST_QUOTE).rstrip('. ')}”."


def _line(text: str, longest: int) -> str:
    """The text as one line; a secret is masked before the cut, which would leave a part of it unknown."""
    line = redact.redact(" ".join(text.split()))
    return line if len(line) <= longest else line[: longest - 1] + "…"


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
        f"{quoted(words) if words else 'without a reason.'} {_advice(rule, words, attempt)}"
    )
    return ProxmoxError(kind, sentence, reason=rule.name, said=words, status=status, errors=errors)


def _advice(rule: Rule, said: str, attempt: Attempt) -> str:
    """The rule's advice; for a missing privilege its name and the command that grants it."""
    if rule.name != "no_privilege":
        return rule.advice
    return _grant_advice(said, attempt.login, attempt.needs) or rule.advice


def _grant_advice(said: str, login: str, needs: tuple[str, str] | None) -> str:
    """The privilege that Proxmox, or else the call, names, with the command that grants it; empty if unknown."""
    denied = _DENIED.search(said)
    named = (denied["privileges"].split("|")[0], denied["path"]) if denied else needs
    if named is None or not login:
        return ""
    command = grant_for(*named).command(login)
    return f"{login} lacks {named[0]} on {named[1]}. Grant it on a node, as root: {command}"


def broken_call(attempt: Attempt, cause: str, *, sent: bool) -> ProxmoxError:
    """The error for a call that got no answer at all."""
    cause = cause.rstrip(". ")
    where = f"{attempt.server} ({attempt.host})"
    if not sent:
        sentence = (
            f"{attempt.what} failed: {where} could not be reached: {cause}. "
            "Nothing was sent. Check the network, the host and the port."
        )
        return ProxmoxError(FaultKind.TRANSIENT, sentence, reason="unreachable", said=cause, sent=False)
    if attempt.changing:
        sentence = (
            f"{attempt.what} was sent to {where}, but no answer came back: {cause}. "
            "It may have taken effect; the state is read before anything is sent again."
        )
        return ProxmoxError(FaultKind.AMBIGUOUS, sentence, reason="no_answer", said=cause)
    sentence = f"{attempt.what} failed: no answer came from {where}: {cause}. Reading it again is safe."
    return ProxmoxError(FaultKind.TRANSIENT, sentence, reason="no_answer", said=cause)


def untrusted(attempt: Attempt, cause: str) -> ProxmoxError:
    """The error for a server whose certificate is not the one we trust; nothing was sent."""
    cause = cause.rstrip(". ")
    sentence = (
        f"{attempt.what} was not sent: the certificate of {attempt.server} ({attempt.host}) is not trusted: {cause}. "
        "If the certificate was renewed, compare it with `pvenode cert info` on the node and pin the new fingerprint."
    )
    return ProxmoxError(FaultKind.AUTH, sentence, reason="untrusted", said=cause, sent=False)


def odd_answer(attempt: Attempt, oddity: str, status: int | None = 200) -> ProxmoxError:
    """The error for a success that does not hold what Proxmox would send."""
    kind = FaultKind.AMBIGUOUS if attempt.changing else FaultKind.PERMANENT
    advice = (
        "It may have taken effect; the state is read before anything is sent again."
        if attempt.changing
        else "Something between here and Proxmox may answer in its place; check host and port."
    )
    where = f"{attempt.server} ({attempt.host})"
    sentence = f"{attempt.what} failed: the answer of {where} is not usable: {oddity}. {advice}"
    return ProxmoxError(kind, sentence, reason="odd_answer", said=oddity, status=status)


@dataclass(frozen=True, slots=True)
class TaskExit:
    """The result of a task: `kind` is None for success; `warnings` marks a success with warnings."""

    exitstatus: str
    kind: FaultKind | None
    reason: str
    advice: str = ""
    warnings: bool = False
    said: str = ""

    @property
    def ok(self) -> bool:
        """Whether the task succeeded."""
        return self.kind is None

    def error(self, what: str, login: str = "") -> ProxmoxError:
        """The failure as an error, with the grant that `login` lacks; only for endings that are not ok."""
        assert self.kind is not None
        said = self.said or self.exitstatus
        advice = (_grant_advice(said, login, None) if self.reason == "no_privilege" else "") or self.advice
        sentence = f"{what} failed: the task ended with {quoted(said)} {advice}".rstrip()
        return ProxmoxError(self.kind, sentence, reason=self.reason, said=said)


def is_vague(exitstatus: str) -> bool:
    """Whether a task's last words hide the reason, so that its log has to be read."""
    return rule_for(None, exitstatus.strip()).vague


def says_all(exitstatus: str) -> bool:
    """Whether a task's last words, as a list shows them, are enough: it succeeded, or it met a lock."""
    if exitstatus == "OK":
        return True
    rule = rule_for(None, exitstatus.strip())
    return rule.kind is FaultKind.BUSY and not rule.vague


_TASK_DENIED = re.compile(r"(?:403 )?(?P<words>Permission check failed \(.*)", re.DOTALL)


def task_ending(exitstatus: str, log: Iterable[str] = ()) -> TaskExit:
    """Sorts the last words of a task; the log is searched when they hide the reason."""
    text = exitstatus.strip()
    if text == "OK":
        return TaskExit(text, None, "ok")
    if text.startswith("WARNINGS"):
        return TaskExit(text, None, "warnings", warnings=True)
    # rights that depend on what a change means are checked inside the task, which ends with the refusal
    denied = _TASK_DENIED.match(text)
    rule = rule_for(403, denied["words"]) if denied else rule_for(None, text)
    if not rule.vague:
        return TaskExit(text, rule.kind, rule.name, rule.advice)
    line, inner = _reason_in([line for line in log if not _LAST_WORDS.match(line)])
    if not line:
        return TaskExit(text, rule.kind, rule.name, rule.advice)
    chosen = inner or rule
    # the sentence contains the line with the reason, so that nobody has to read the log
    advice = "" if chosen.vague else chosen.advice
    return TaskExit(text, chosen.kind, chosen.name, advice, said=f"{text}: {line}")


def _reason_in(log: Sequence[str]) -> tuple[str, Rule | None]:
    """The lines of a log that give the reason, and the rule they fit, if any."""
    if failed := [found["why"] for line in log if (found := _BACKUP_FAILED.match(line))]:
        rule = rule_for(None, failed[-1])
        return failed[-1].strip(), rule if rule is not OTHERWISE else None
    for line in log:
        rule = rule_for(None, line)
        if rule is not OTHERWISE and not rule.vague and rule.name != "agent_silent":
            return line.strip(), rule
    telling = [line for line in log if _TELLING.search(line)]
    return "; ".join(_line(line, _LONGEST_LINE) for line in telling[-2:]), None


def not_ours(vmid: int, wanted: Mark, found: Mark | None, name: str) -> NotOurs:
    """The refusal to touch a guest, saying whose it seems to be."""
    seems = f"It is named '{name}'" if name else "It has no name"
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


def vm_replaced(vmid: int, wanted: str, found: str | None) -> NotOurs:
    """The refusal for a guest that carries our mark but is not our VM: a copy."""
    return NotOurs(
        f"The guest under VMID {vmid} was not touched: it carries our mark, but it is another VM "
        f"(SMBIOS uuid {found or 'missing'}, known is {wanted}). It seems to be a copy made by hand."
    )
