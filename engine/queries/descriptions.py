"""A VM in words, compared with its product; console and command line show the same.

    for line in describe(view.beside):
        print(line.name, line.real, line.sign, line.product)

The sign compares the two: `=` equal, `!` applying the product would change it, `~` Proxmox changes it at the next
start, `+` it is more than the product has, and stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.queries.drift import CardFacts, DiskFacts, Drift, Fact, Value

Sign = Literal["=", "!", "~", "+"]
MEANINGS: dict[Sign, str] = {
    "=": "equal to the product",
    "!": "drifted: applying the product changes it",
    "~": "takes effect at the next start",
    "+": "more than the product has; it stays",
}
_UNITS = ("B", "kB", "MB", "GB", "TB")
_DAY, _HOUR, _MINUTE = 86_400, 3_600, 60
_PARTS = {"system_disk": "System disk", "additional_disk": "Additional disk"}


@dataclass(frozen=True, slots=True)
class Description:
    """One property in words: its value, and that of the product."""

    name: str
    real: str
    sign: Sign
    product: str


def describe(drift: Drift) -> tuple[Description, ...]:
    """Every property that the product sets, in the order of its form."""
    cores, sockets, memory = drift.compute
    return (
        _line("Processor", (cores, sockets), _processor),
        _line("Memory", (memory,), lambda values: _with_unit(values[0], "MiB")),
        *(line for disk in drift.disks for line in _disk(disk)),
        *(_card(drift.card) if drift.card is not None else ()),
    )


def lasting(seconds: int) -> str:
    """A duration in its two largest units, such as `3 d 4 h`."""
    for size, unit, smaller, part in ((_DAY, "d", _HOUR, "h"), (_HOUR, "h", _MINUTE, "min")):
        if seconds >= size:
            rest = seconds % size // smaller
            return f"{seconds // size} {unit}" + (f" {rest} {part}" if rest else "")
    return f"{seconds // _MINUTE} min" if seconds >= _MINUTE else f"{seconds} s"


def rate(bytes_per_second: float | None) -> str:
    """Bytes per second, such as `1.2 MB/s`; a question mark for what nobody measured."""
    if bytes_per_second is None:
        return "?"
    size, place = bytes_per_second, 0
    while size >= 999.5 and place < len(_UNITS) - 1:
        size, place = size / 1000, place + 1
    return f"{size:.{0 if size >= 99.5 or place == 0 else 1}f} {_UNITS[place]}/s"


def _line(
    name: str, facts: Sequence[Fact], words: Callable[[Sequence[Value]], str], where: str = ""
) -> Description:
    real, planned = words([each.real for each in facts]), words([each.planned for each in facts])
    if real != planned:
        real = f"{real} → {planned}"
    product = words([each.package for each in facts]) if any(_said(each) for each in facts) else "any"
    return Description(name, real + where, _sign(facts), product)


def _said(fact: Fact) -> bool:
    return fact.package is not None


def _sign(facts: Sequence[Fact]) -> Sign:
    if any(each.drift for each in facts):
        return "!"
    if any(each.pending for each in facts):
        return "~"
    return "=" if all(each.same for each in facts) else "+"


def _processor(values: Sequence[Value]) -> str:
    cores, sockets = values
    words = _with_unit(cores, "core" if cores == 1 else "cores")
    return words if sockets in (1, None) else f"{words} × {sockets} sockets"


def _disk(disk: DiskFacts) -> Iterator[Description]:
    name = _PARTS[disk.part]
    storage = disk.volume.partition(":")[0]
    where = f" · {disk.key} · {storage}" if disk.key else ""
    yield _line(name, (disk.size,), _size, where)
    if disk.key or any(each.package for each in disk.limits):
        yield _line("  read/write", disk.limits, _limits)


def _size(values: Sequence[Value]) -> str:
    return _with_unit(values[0], "GiB") if values[0] else "none"


def _limits(values: Sequence[Value]) -> str:
    """`100/– MB/s · –/500 IOPS`; a dash is no limit, `any` is left to the template."""
    pairs = ((values[:2], "MB/s"), (values[2:], "IOPS"))
    words = [f"{_limit(pair[0])}/{_limit(pair[1])} {unit}" for pair, unit in pairs if any(pair)]
    return " · ".join(words) or "no limit"


def _limit(value: Value) -> str:
    if value is None:
        return "any"
    return f"{value:g}" if isinstance(value, int | float) and value else "–"


def _card(card: CardFacts) -> Iterator[Description]:
    yield _line("Network card", (card.model, card.mac), _model)
    yield _line(
        "  rate", (card.rate,), lambda values: _with_unit(values[0], "MB/s") if values[0] else "no limit"
    )
    yield _line("  bridge", (card.bridge, card.vlan), _bridge)
    yield _line("  firewall", (card.firewall,), lambda values: "on" if values[0] else "off")


def _model(values: Sequence[Value]) -> str:
    model, mac = values
    return f"{model or 'any'} {mac or 'any'}"


def _bridge(values: Sequence[Value]) -> str:
    bridge, vlan = values
    return f"{bridge or 'none'} · {f'VLAN {vlan}' if vlan else 'no VLAN'}"


def _with_unit(value: Value, unit: str) -> str:
    return "any" if value is None else f"{value:g} {unit}" if isinstance(value, float) else f"{value} {unit}"
