"""What a failure can mean, and the form of a rule that recognises one by its status and its words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """What a failure means for the next step."""

    TRANSIENT = "transient"  # nothing is wrong with the request: the same call may work later
    BUSY = "busy"  # somebody holds a lock: wait for it
    AMBIGUOUS = "ambiguous"  # it may have taken effect: read the state before anything else
    AUTH = "auth"  # who we are, or who the server is, could not be proven
    PERMANENT = "permanent"  # the same call will fail again until somebody changes something
    GONE = "gone"  # the requested object does not exist, or not on this node


@dataclass(frozen=True, slots=True)
class Rule:
    """One row: which failures it fits, and what they mean. `reading` is the kind for a call that changes nothing.

    A vague row knows how something ended but not why: the reason is in the log of the task.
    """

    name: str
    kind: FaultKind
    advice: str
    words: re.Pattern[str] | None = None
    statuses: frozenset[int] = frozenset()
    reading: FaultKind | None = None
    vague: bool = False

    def fits(self, status: int | None, said: str) -> bool:
        """Whether this row is about that status and those words."""
        if self.statuses and status not in self.statuses:
            return False
        return self.words is None or self.words.search(said) is not None


def by_words(name: str, kind: FaultKind, words: str, advice: str, *, vague: bool = False) -> Rule:
    """A rule for words, whatever the status."""
    return Rule(name, kind, advice, re.compile(words, re.IGNORECASE | re.DOTALL), vague=vague)


def by_status(
    name: str,
    kind: FaultKind,
    advice: str,
    *statuses: int,
    words: str | None = None,
    reading: FaultKind | None = None,
) -> Rule:
    """A rule for some statuses, with these words if any are given."""
    pattern = re.compile(words, re.IGNORECASE) if words else None
    return Rule(name, kind, advice, pattern, frozenset(statuses), reading)
