"""The one place through which every changing call is journalled: intent before it is sent, the UPID right after.

The engine gives a recorder that writes to its database; tests and one-off checks use the silent one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from .fault_table import FaultKind

_GUESSABLE = ("password", "cipassword")  # a hash of a short secret can be guessed back
_CHANGING = ("digest",)  # differs although the request is the same
Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class ChangingCall:
    """A request that may change the cluster, without its secrets: parameters appear only as a hash."""

    what: str
    method: str
    path: str
    vmid: int | None
    node: str | None
    params_hash: str
    shown: str = ""  # the parameters as a sentence may name them


class CallRecorder(Protocol):
    """Remembers changing calls; whatever `intent` raises stops the call before it is sent."""

    def intent(self, call: ChangingCall) -> int:
        """Called immediately before the request goes out, after every check; returns the call's number."""
        ...

    def answered(self, call_id: int, upid: str | None) -> None:
        """Called as the first thing after the answer."""
        ...

    def failed(self, call_id: int, kind: FaultKind, sentence: str) -> None:
        """Called when there was no good answer; the kind says whether it may have taken effect."""
        ...


class SilentRecorder:
    """Remembers nothing."""

    def intent(self, call: ChangingCall) -> int:
        """Lets every call pass."""
        return 0

    def answered(self, call_id: int, upid: str | None) -> None:
        """Forgets the answer."""

    def failed(self, call_id: int, kind: FaultKind, sentence: str) -> None:
        """Forgets the failure."""


def params_hash(params: Mapping[str, Value]) -> str:
    """A short name for a set of parameters: equal sets have equal hashes; passwords are left out of it."""
    identity = {
        name: "" if name in _GUESSABLE else value for name, value in params.items() if name not in _CHANGING
    }
    text = json.dumps(identity, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def shown(params: Mapping[str, Value]) -> str:
    """The parameters as a sentence may name them, without passwords."""
    named = {
        name: value for name, value in params.items() if name not in (*_GUESSABLE, *_CHANGING, "sshkeys")
    }
    return " ".join(f"{name}={value}" for name, value in named.items())[:300]
