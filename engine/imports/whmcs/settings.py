"""A product's module settings as fields of a product here.

The module keeps them in configoption2 to configoption24 of `tblproducts`, in a form that changed with its versions and
is documented nowhere. A field that names its settings (JSON, `name=value`) is read by these names; of any other only
its number is known, and an operator may say which setting it is. Nothing is guessed from a value alone.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from engine.imports.tables import is_secret, plain

_PAIR = re.compile(r"\s*([A-Za-z][\w .\[\]-]{0,60}?)\s*[=:]\s*(.*)")
_MODELS = ("virtio", "e1000", "rtl8139", "vmxnet3")
_LEVELS = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")


@dataclass(slots=True)
class SettingsRead:
    """What is understood of a product's settings, as nested values of a product, and what is not."""

    values: dict[str, Any] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    """Names of settings, never their values."""


def read_settings(given: Mapping[int, str], positions: Mapping[int, str]) -> SettingsRead:
    """Read the settings of a product; `positions` says which field of a product a number is."""
    result = SettingsRead()
    for number, text in sorted(given.items()):
        if number in positions:
            _put(result, [positions[number]], text, f"configoption{number}")
            continue
        pairs = list(_pairs(html.unescape(text)))
        if not pairs:
            result.unknown.append(f"configoption{number}")
        for path, value in pairs:
            if _field(path) is not None or not any(map(is_secret, path)):
                _put(result, path, value, f"configoption{number} {'.'.join(path)}")
    return result


def known_fields() -> list[str]:
    """The fields of a product that a number may stand for."""
    return sorted({name for name, _ in _FIELDS.values()})


def _put(result: SettingsRead, path: list[str], text: str, where: str) -> None:
    found = _field(path)
    value = None if found is None else found[1](text.strip())
    if found is None or value is None:
        result.unknown.append(where)
        return
    part, dot, inner = found[0].partition(".")
    if dot:
        result.values.setdefault(part, {})[inner] = value
    else:
        result.values[part] = value


def _field(path: list[str]) -> tuple[str, Callable[[str], Any]] | None:
    """The field a name in its sections means: the whole path first, then without what encloses it."""
    names = (plain("".join(path[place:])) for place in range(len(path)))
    return next((_FIELDS[name] for name in names if name in _FIELDS), None)


def _pairs(text: str) -> Iterator[tuple[list[str], str]]:
    """The named values of a text; none when it names nothing."""
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if isinstance(document, dict):
        yield from _flat(document, [])
        return
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) == 1 and "&" in text and "=" in text:
        yield from ((key.replace("]", "").split("["), value) for key, value in parse_qsl(text, True))
        return
    pairs = [(match[1].split("."), match[2]) for match in map(_PAIR.fullmatch, lines) if match]
    if len(pairs) == len(lines) and any(_field(path) for path, _ in pairs):
        yield from pairs


def _flat(document: Mapping[str, Any], path: list[str]) -> Iterator[tuple[list[str], str]]:
    for key, value in document.items():
        here = [*path, str(key)]
        if isinstance(value, Mapping):
            yield from _flat(value, here)
        elif isinstance(value, bool) or value is None:
            yield here, "on" if value else ""
        elif isinstance(value, (str, int, float)):
            yield here, str(value)
        else:
            yield here, json.dumps(value)


# --- what values mean; None: not understood


def _text(text: str) -> str | None:
    return text if len(text) <= 100 else None


def _number(text: str) -> int | None:
    found = re.match(r"([0-9]{1,9})(?:\.0*)?(?:\s|[A-Za-z]|$)", text)
    return int(found[1]) if found else (0 if not text else None)


def _gib(text: str) -> int | None:
    found = re.match(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)", text)
    return round(float(found[1]) * 1024) if found else None


def _switch(text: str) -> bool | None:
    word = text.lower()
    if word in ("on", "1", "yes", "true", "enabled", "checked"):
        return True
    return False if word in ("", "off", "0", "no", "false", "disabled", "none") else None


def _mail(text: str) -> bool:
    return text.lower() not in ("", "0", "none", "off", "no", "false")


def _node(text: str) -> str:
    return "auto" if not text or text.lower().startswith("auto") else text


def _clone(text: str) -> str | None:
    word = text.lower()
    return next((kind for kind in ("full", "linked") if kind in word), {"1": "full", "0": "linked"}.get(word))


def _template(text: str) -> int | str | None:
    parts = [part.strip() for part in text.split("|") if part.strip()]
    numbers = [int(part) for part in parts if part.isascii() and part.isdigit()]
    return numbers[0] if numbers else (parts[-1] if parts else None)


def _model(text: str) -> str | None:
    word = text.lower()
    if not word or "template" in word:
        return "template"
    return next((model for model in _MODELS if model in word), None)


def _storage(text: str) -> str:
    """`local|dir` names the storage and its kind; `auto …` and `same …` mean none."""
    name = text.partition("|")[0].strip()
    return "" if name.lower().startswith(("auto", "same", "none")) or name == "0" else name


def _days(text: str) -> int | None:
    if not text or text.lower().startswith(("don", "never", "no")):
        return 0
    number = _number(text)
    return number if number is None or number <= 10 else number // 86_400


def _prefix(text: str) -> str:
    return f"{text}-{{client_id}}-{{service_id}}" if text else "{client_id}-{service_id}"


def _rule(text: str) -> str:
    return text or "{client_id}-{service_id}"


def _domain(text: str) -> str:
    return text.strip(".").lower()


def _policy(text: str) -> str | None:
    return text.upper() if text.upper() in ("ACCEPT", "DROP", "REJECT") else None


def _level(text: str) -> str | None:
    return text.lower() if text.lower() in _LEVELS else ("nolog" if text.lower() in ("", "nolog") else None)


def _keys(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _table() -> dict[str, tuple[str, Callable[[str], Any]]]:
    found: dict[str, tuple[str, Callable[[str], Any]]] = {}

    def add(name: str, means: Callable[[str], Any], *spellings: str) -> None:
        for each in (plain(name), *spellings):
            found.setdefault(each, (name, means))

    add("target_node", _node, "node", "vmnode", "pvenode")
    add("template", _template, "ostemplate", "vmtemplate", "defaultostemplate", "templateid", "templatevmid")
    add("clone", _clone, "clonetype", "typeofclone", "clonemode", "typeofvirtualmachinecreation")
    add("cores", _number, "cpu", "cpucores", "vcpu", "vmcpu")
    add("sockets", _number, "cpusockets")
    add("memory", _gib, "ram", "vmram", "memorygb", "ramgb")
    add("memory", _number, "memorymb", "rammb", "memorymib")
    add("name_rule", _rule, "vmnamerule", "namingrule")
    add("name_rule", _prefix, "vmnameprefix", "nameprefix", "prefix")
    add("first_vmid", _number, "firstvmid", "firstid", "startvmid", "vmfirstid")
    add("os_user", _text, "osusername", "osuser", "ciuser", "vmusername")
    add("ssh_keys", _keys, "sshkeys", "sshkey")
    add("snapshots", _number, "snapshotcount", "snapshotscount")
    add("snapshot_lifetime", _days, "snapshotslifetime", "vmsnapshotlifetime")
    add("backups", _number, "backupcount", "backupscount")
    add("backup_storage", _storage, "backupsstorage", "storagebackup", "storagebackups")
    add("iso_storage", _storage, "isosstorage", "isostorage", "storageiso", "storageisos")
    add("main_domain", _domain, "domain", "vmdomain")
    add("network.model", _model, "networkmodel", "netmodel", "networkcard")
    add("network.bandwidth", _number, "networkbandwidth", "netbandwidth", "networkrate")
    add("network.bridge", _text, "networkbridge", "netbridge", "bridge")
    add("network.vlan", _number, "networkvlan", "vlantag", "networkvlantag", "vlan")
    add("network.auto_bridge", _switch, "autobridgevlan", "networkautobridgevlan", "autobridge", "bridgeauto")
    add("network.ipv4", _number, "ipv4count", "networkipv4count")
    add("network.ipv6", _number, "ipv6count", "networkipv6count")
    add("network.dhcp4", _switch, "dhcpipv4", "networkdhcpipv4", "dhcpv4", "ipv4dhcp", "dhcp4")
    add("network.dhcp6", _switch, "dhcpipv6", "networkdhcpipv6", "dhcpv6", "ipv6dhcp", "dhcp6")
    add("firewall.enable", _switch, "firewallenabled", "firewallenable")
    add("firewall.policy_in", _policy, "firewallinputpolicy", "inputpolicy", "firewallpolicyin")
    add("firewall.policy_out", _policy, "firewalloutputpolicy", "outputpolicy", "firewallpolicyout")
    add("firewall.log_in", _level, "firewallloglevelin", "loglevelin")
    add("firewall.log_out", _level, "firewallloglevelout", "loglevelout")
    add("firewall.dhcp", _switch)
    add("firewall.ndp", _switch, "ndp")
    add("firewall.radv", _switch, "radv", "routeradv", "firewallrouteradv")
    add("firewall.macfilter", _switch, "macfilter")
    add("firewall.ipfilter", _switch, "ipfilter")
    add("firewall.antispoof", _switch, "antispoofing", "firewallantispoofing", "antispoof")
    for disk in ("system", "additional"):
        base = f"{disk}disk"
        add(f"{disk}_disk.storage", _storage, f"{base}storage")
        add(f"{disk}_disk.size", _number, f"{base}space", base)
        for short, way in (("rd", "read"), ("wr", "write")):
            mbps, iops = f"{disk}_disk.mbps_{short}", f"{disk}_disk.iops_{short}"
            add(
                mbps,
                _number,
                f"{base}bandwidth{way}",
                f"{base}{way}bandwidth",
                f"{base}mbps{way}",
                f"{base}bw{way}",
            )
            add(iops, _number, f"{base}iops{way}", f"{base}{way}iops")
    add("emails.ready", _mail, "vmisready", "emailvmisready", "emailsvmisready", "emailready")
    add("emails.password", _mail, "emailresetpassword", "emailtemplateresetpassword", "emailsresetpassword")
    add("emails.restored", _mail, "backuprestored", "emailbackuprestored", "emailrestored")
    for name, *others in (
        ("start",), ("stop",), ("console", "novnc"), ("charts",), ("reinstall",), ("password", "resetpassword"),
        ("rdns", "revdns"), ("iso", "isomount"), ("firewall",),
    ):  # fmt: skip
        each = [f"{section}{word}" for section in ("permissions", "clientpermissions", "client", "allow")
                for word in (name, *others)]  # fmt: skip
        add(f"permissions.{name}", _switch, *each)
    return found


_FIELDS = _table()
