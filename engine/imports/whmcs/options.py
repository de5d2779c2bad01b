"""Configurable options of WHMCS as overrides of a service.

The module knows an option by its name (`CPU Cores`) or, in older shops, by the part before the bar (`CPU|Processor`);
what is chosen has its value before the bar (`4|4 cores`). Where both forms are given, the plain name counts. Zero is
no override, as in the module, except for backups and snapshots, where it forbids them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engine.imports.tables import plain
from engine.imports.whmcs.shop import ShopOption

_LEGACY = {"b": "backups", "s": "snapshots", "cpu": "cores", "ram": "memory", "os": "template"}
_NAMES = {
    "cpucores": "cores",
    "ram": "memory",
    "systemdisk": "system_disk",
    "additionaldisk": "additional_disk",
    "networkbandwidth": "bandwidth",
    "ipv4addresses": "ipv4",
    "ipv6addresses": "ipv6",
    "ipv4": "ipv4",
    "ipv6": "ipv6",
    "operatingsystem": "template",
    "backups": "backups",
    "snapshots": "snapshots",
    **{
        f"{disk}disk{way}{kind}": f"{disk}_disk_{unit}_{short}"
        for disk in ("system", "additional")
        for way, short in (("read", "rd"), ("write", "wr"))
        for kind, unit in (("bandwidth", "mbps"), ("iops", "iops"))
    },
}
_MAY_BE_ZERO = ("backups", "snapshots")
GIB = 1024  # MiB


@dataclass(slots=True)
class OptionsRead:
    """What a service overrides, and the names of options that mean nothing here."""

    values: dict[str, int | str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


def meaning(name: str) -> tuple[str, bool]:
    """The option of a service that is meant, empty for none, and whether it is named in the older form."""
    key = plain(name.partition("|")[0])
    if key in _NAMES and (key != "ram" or "|" not in name):
        return _NAMES[key], False
    return _LEGACY.get(key, ""), True


def read_options(chosen: Iterable[ShopOption]) -> OptionsRead:
    """What these choices override; older forms first, so that a plain name wins over them."""
    result = OptionsRead()
    for option in sorted(chosen, key=lambda each: not meaning(each.name)[1]):
        name, _ = meaning(option.name)
        if not name:
            result.unknown.append(option.name)
            continue
        value = _value(name, option.value)
        if value is None:
            result.unknown.append(f"{option.name} ({option.value[:40] or 'empty'})")
        elif value or name in _MAY_BE_ZERO:
            result.values[name] = value
    return result


def first_template(options: Sequence[ShopOption]) -> int | str | None:
    """The first operating system a product offers, for a product that names no template itself."""
    for option in options:
        if meaning(option.name)[0] == "template" and option.choices:
            return _value("template", option.choices[0])
    return None


def _value(name: str, text: str) -> int | str | None:
    before = text.partition("|")[0].strip()
    found = re.match(r"[0-9]{1,9}", before)
    if name == "template":
        return (int(before) if before.isascii() and before.isdigit() else before) or None
    if found is None:
        return None
    return int(found[0]) * GIB if name == "memory" else int(found[0])
