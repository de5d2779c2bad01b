"""The record editor: the raw row of a VM, typed and guarded, for when nothing else helps."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.actions.permission import needs
from engine.actions.requests import Accepted, Queued, change, label, vm_of
from engine.audit import Actor
from engine.errors import Refused
from engine.pipelines.registry import catalog
from engine.roles import Role
from engine.store.database import session
from engine.store.models import Vm
from engine.work import claims

WARNING = (
    "This writes the database row itself and bypasses every safeguard of the engine. A wrong value can make a "
    "deploy fail, spoil the accounting of addresses, or lose data. Use reset or redeploy where they can help."
)
_MAC = re.compile(r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,61}[A-Za-z0-9])?")
_BRIDGE = re.compile(r"[A-Za-z][\w.-]{0,14}")


@dataclass(frozen=True, slots=True)
class EditableColumn:
    """One column an operator may edit: what it is, and how its text becomes a value."""

    name: str
    help: str
    read: Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class EditableRecord:
    """The row as the editor shows it; `revision` refuses a save on stale data."""

    service_id: int
    revision: int
    editable: dict[str, str]
    fixed: dict[str, str]


def _number(low: int, high: int, empty: bool = False) -> Callable[[str], int | None]:
    def read(text: str) -> int | None:
        if empty and text == "":
            return None
        if not text.lstrip("-").isdigit() or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return read


def _matching(
    pattern: re.Pattern[str], what: str, change_case: Callable[[str], str] = str
) -> Callable[[str], str]:
    def read(text: str) -> str:
        value = change_case(text)
        if value and not pattern.fullmatch(value):
            raise ValueError(f"must be {what}, or empty")
        return value

    return read


def _status(text: str) -> str:
    known = catalog().statuses()
    if text not in known:
        raise ValueError(f"must be one of {', '.join(known)}")
    return text


def _plain(text: str) -> str:
    if len(text) > 255 or not text.isprintable():
        raise ValueError("must be printable text of at most 255 characters")
    return text


FIELDS: tuple[EditableColumn, ...] = (
    EditableColumn("vm_status", "the last completed step", _status),
    EditableColumn(
        "vmid", "the guest's number on Proxmox; empty when there is none", _number(100, 999_999_999, True)
    ),
    EditableColumn("node", "the node the guest is on", _plain),
    EditableColumn("target_node", "target node", _plain),
    EditableColumn("name", "the guest's name", _matching(_NAME, "a host name")),
    EditableColumn("domain", "the main domain of its FQDN", _plain),
    EditableColumn("mac", "its MAC address", _matching(_MAC, "a MAC address", str.upper)),
    EditableColumn("bridge", "the bridge of its card", _matching(_BRIDGE, "a bridge name")),
    EditableColumn("vlan", "the VLAN of its card, 0 for none", _number(0, 4094)),
    EditableColumn(
        "smbios_uuid",
        "SMBIOS uuid of the VM, the second proof of ownership",
        _matching(_UUID, "a uuid", str.lower),
    ),
    EditableColumn("os_user", "the user inside the guest", _plain),
    EditableColumn("template", "the template it is made from, if not the product's", _plain),
)
_BY_NAME = {field.name: field for field in FIELDS}
_SECRET = ("os_password",)


def view(service_id: int) -> EditableRecord:
    """The row of a service's VM."""
    with session():
        vm = vm_of(service_id)
        row = dict(vm.__data__)
    editable = {field.name: _shown(row[field.name]) for field in FIELDS}
    fixed = {
        name: "(set)" if name in _SECRET and value else _shown(value)
        for name, value in row.items()
        if name not in editable
    }
    return EditableRecord(service_id, row["revision"], editable, fixed)


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def parse(changes: Mapping[str, str]) -> dict[str, Any]:
    """The typed values of edited fields; every fault is named."""
    values, faults = {}, []
    for name, text in changes.items():
        field = _BY_NAME.get(name)
        if field is None:
            faults.append(f"{name}: is not a field that can be edited; these can: {', '.join(_BY_NAME)}")
            continue
        try:
            values[name] = field.read(text.strip())
        except ValueError as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise Refused("Nothing was changed. " + "; ".join(faults) + ".")
    return values


@needs(Role.OWNER, "edit the record of a VM")
def edit(
    actor: Actor, service_id: int, changes: Mapping[str, str], reason: str, revision: int | None = None
) -> Queued:
    """Write fields of the row; refused without a reason, on stale data, or with a fault in any field."""
    values = parse(changes)
    if not values:
        raise Refused("No field was given; nothing was changed.")
    if not reason.strip():
        raise Refused("A reason is needed; it is kept in the audit log. Nothing was changed.")
    with session():
        vm = vm_of(service_id)
        before = {name: getattr(vm, name) for name in values}

        def work() -> Accepted:
            claims.take_over(vm.id)
            query = Vm.update(**values, revision=Vm.revision + 1).where(Vm.id == vm.id)
            if revision is not None:
                query = query.where(Vm.revision == revision)
            if not query.execute():
                raise Refused(
                    f"The record of {label(vm)} was changed by somebody else. Nothing was written; "
                    "open it again to see its current values."
                )
            return Accepted(f"The record of {label(vm)} was changed: {', '.join(values)}.")

        return change(actor, vm, "record", work, reason, **values, was=before)
