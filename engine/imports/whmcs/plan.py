"""What an import would do: a line per thing, grouped, and what is needed to do it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from engine.errors import KvmtuiError
from engine.forms.adoption import PriorService
from engine.plan import Plan
from engine.store.fields import Address

GROUPS = {
    "server": "Servers",
    "pool": "Address pools",
    "product": "Products",
    "client": "Clients",
    "service": "Services",
    "address": "Addresses",
    "option": "Configurable options",
    "other": "Not moved",
}
NEW, HERE, REFUSED, LEFT, UNKNOWN = "+", "=", "!", "-", "?"
SIGNS = {
    NEW: "to be made",
    HERE: "already here",
    REFUSED: "cannot be moved",
    LEFT: "not moved",
    UNKNOWN: "not understood",
}


@dataclass(frozen=True, slots=True)
class ShopLine:
    """One thing of the shop, with the sign that says what becomes of it."""

    group: str
    sign: str
    name: str
    text: str = ""


@dataclass(slots=True)
class Adoption:
    """A service of the shop whose VM would be adopted."""

    service: int
    vmid: int
    server: str
    client: str
    product: str
    prior: PriorService
    promised: Plan
    called: str = ""
    """The VM's name on the cluster, once that was asked."""
    status: str = ""
    why: str = ""
    """Why it is refused; empty when it can be adopted."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeptAddress:
    """An address of a service of the shop that is not here: it must not be given to a VM."""

    server: str
    address: Address
    service: str


@dataclass(slots=True)
class ShopPlan:
    """What would be made, what is here, what cannot be moved; `manifest` has what is made, by section."""

    lines: list[ShopLine] = field(default_factory=list)
    manifest: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {"pools": [], "products": [], "clients": []}
    )
    incomplete: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    """Products that lack something, and what."""
    adoptions: list[Adoption] = field(default_factory=list)
    here: list[int] = field(default_factory=list)
    """Services that were adopted before."""
    kept: list[KeptAddress] = field(default_factory=list)

    def say(self, group: str, sign: str, name: str, text: str = "") -> None:
        """Add a line."""
        self.lines.append(ShopLine(group, sign, name, text))

    def counts(self) -> dict[str, dict[str, int]]:
        """How many lines of each sign each group has."""
        counted = Counter((line.group, line.sign) for line in self.lines)
        return {
            group: {SIGNS[sign]: counted[group, sign] for sign in SIGNS if counted[group, sign]}
            for group in GROUPS
            if any(key == group for key, _ in counted)
        }


def flat(fault: KvmtuiError) -> str:
    """The sentences of an error on one line."""
    return " ".join(fault.sentence.split())
