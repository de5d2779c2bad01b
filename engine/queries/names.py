"""Everything that has a name: VMs, clients, products, servers, pools and zones, found by part of it.

    named("acm")                       # [NamedRecord("client", "Acme", "Acme", "ops@acme.example"), …]
    named("vps55", kinds=("vm",))      # a subsequence of the name is enough: vps-5501, vps-5502, …

The database selects, so that a hundred thousand VMs cost one scan; the best matches come first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import and_
from typing import Any

from peewee import fn

from engine.store.database import session
from engine.store.models import Client, Pool, Product, Server, Service, Vm, Zone

KINDS = ("vm", "client", "product", "server", "pool", "zone")


@dataclass(frozen=True, slots=True)
class NamedRecord:
    """A record that has a name: its kind, the key of its row on the screen of that kind, and what identifies it."""

    kind: str
    name: str
    key: int | str
    about: str = ""


def named(words: str, kinds: Sequence[str] = KINDS, most: int = 20) -> list[NamedRecord]:
    """The best matches of each kind, at most `most` of each; the best first, then in the order of `kinds`."""
    if not words.strip():
        return []
    with session():
        found = [each for kind in kinds for each in _SOURCES[kind](words, most)]
    ranked = [(quality, each) for each in found if (quality := match(words, each.name)) is not None]
    return [each for _, each in sorted(ranked, key=lambda pair: -pair[0])]


def match(words: str, name: str) -> float | None:
    """How well the words fit a name, more is better; None when they do not.

    >>> match("acme", "Acme"), match("ac", "Acme"), match("am", "Acme"), match("x", "Acme")
    (4.0, 3.5, 0.5, None)
    """
    wanted, whole = words.casefold().strip(), name.casefold()
    share = len(wanted) / max(1, len(whole))
    if wanted == whole:
        return 4.0
    if whole.startswith(wanted):
        return 3.0 + share
    if all(word in whole for word in wanted.split()):
        return (2.0 if f"-{wanted}" in whole or f" {wanted}" in whole else 1.0) + min(share, 0.99)
    letters = iter(whole)
    return share if all(letter in letters for letter in wanted.replace(" ", "")) else None


def _rows(query: Any, column: Any, words: str, most: int) -> Iterator[Any]:
    """Rows whose column holds every word; then rows of which they are a subsequence."""
    name = fn.LOWER(column)
    order = (fn.LENGTH(column), column)
    holds = reduce(and_, (name.contains(word) for word in words.lower().split()))
    rows = list(query.where(holds).order_by(*order).limit(most))
    yield from rows
    letters = [each for each in words.lower() if each not in " %_\\"]
    if len(rows) < most and letters:
        spread = name ** f"%{'%'.join(letters)}%"
        yield from query.where(spread & ~holds).order_by(*order).limit(most - len(rows))


def _vms(words: str, most: int) -> Iterator[NamedRecord]:
    query = Vm.select(Vm, Service, Client).join(Service).join(Client)
    for row in _rows(query, Vm.name, words, most):
        yield NamedRecord("vm", row.name, row.service_id, f"{row.service_id} · {row.service.client.name}")


def _clients(words: str, most: int) -> Iterator[NamedRecord]:
    for row in _rows(Client.select(), Client.name, words, most):
        yield NamedRecord("client", row.name, row.name, row.email)


def _products(words: str, most: int) -> Iterator[NamedRecord]:
    for row in _rows(Product.select(Product, Server).join(Server), Product.name, words, most):
        yield NamedRecord("product", row.name, row.name, row.server.name)


def _servers(words: str, most: int) -> Iterator[NamedRecord]:
    for row in _rows(Server.select(), Server.name, words, most):
        yield NamedRecord("server", row.name, row.name, ", ".join(row.hosts))


def _pools(words: str, most: int) -> Iterator[NamedRecord]:
    """A pool is called by its first address; there are few, so all of them are looked at."""
    for row in Pool.select(Pool, Server).join(Server).order_by(Pool.id):
        name = f"{row.start}"
        if match(words, name) is not None and most > 0:
            most -= 1
            yield NamedRecord("pool", name, row.id, f"– {row.stop} · {row.server.name}")


def _zones(words: str, most: int) -> Iterator[NamedRecord]:
    for row in _rows(Zone.select(), Zone.name, words, most):
        yield NamedRecord("zone", row.name, row.id, row.type)


_SOURCES: dict[str, Callable[[str, int], Iterator[NamedRecord]]] = {
    "vm": _vms,
    "client": _clients,
    "product": _products,
    "server": _servers,
    "pool": _pools,
    "zone": _zones,
}
