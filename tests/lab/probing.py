"""What single requests to real Proxmox VE nodes were answered, in a compact form, and how to compare with it.

`python -m tests.lab.probing` rewrites tests/lab/probes/*.json from the recordings that exist.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "data" / "pve-real"
FACTS = Path(__file__).parent / "probes"
VERSIONS = ("9.2", "8.4")
# Keys whose values depend on the moment or the machine: only their type is compared.
VOLATILE = frozenset(
    [
        "digest",
        "upid",
        "pid",
        "pstart",
        "starttime",
        "endtime",
        "snaptime",
        "ctime",
        "time",
        "uptime",
        "cpu",
        "mem",
        "memhost",
        "disk",
        "netin",
        "netout",
        "diskread",
        "diskwrite",
        "used",
        "avail",
        "total",
        "used_fraction",
        "maxdisk",
        "ip",
        "address",
        "cidr",
        "gateway",
        "vmgenid",
        "smbios1",
        "meta",
        "description",
        "statistics",
        "nics",
        "blockstat",
        "proxmox-support",
        "ticket",
        "password",
        "cert",
        "port",
        "running-machine",
        "running-qemu",
        "ballooninfo",
        "pressurecpusome",
        "pressurecpufull",
        "pressureiosome",
        "pressureiofull",
        "pressurememorysome",
        "pressurememoryfull",
        "ip-addresses",
        "saved",
        "netmask",
        "priority",
        "cipassword",
        "balloon",
    ]
)
LISTED = re.compile(r"^(?:GET /cluster/tasks|GET /nodes/\w+/tasks)$")
TIMES = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")
HASHES = re.compile(r"[0-9a-f]{40}|HASH|SECRET|\$5\$\S+")


def kind(value: Any) -> str:
    """The JSON type of a value; whole and broken numbers are one type."""
    if value is None:
        return "<null>"
    names = {bool: "bool", int: "number", float: "number", str: "text", list: "list", dict: "object"}
    return f"<{names[type(value)]}>"


def types(value: Any) -> Any:
    """The types of a value all the way down."""
    if isinstance(value, dict):
        return {name: types(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return sorted({json.dumps(types(item), sort_keys=True) for item in value})
    return kind(value)


def plain(value: Any, key: str = "") -> Any:
    """A body with everything that changes from run to run replaced by its type."""
    if isinstance(value, dict):
        if key in VOLATILE:
            return types(value)
        return {name: plain(value[name], name) for name in sorted(value)}
    if isinstance(value, list):
        if key in VOLATILE:
            return types(value)
        items = [plain(item, key) for item in value]
        return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
    if isinstance(value, str):
        found = re.fullmatch(r"UPID:([^:]+):\w+:\w+:\w+:([^:]*):([^:]*):([^:]*):", value)
        if found and key != "upid":
            return f"UPID:{':'.join(found.groups())}"
    if key in VOLATILE:
        return kind(value)
    if isinstance(value, str):
        if key == "value" and ("uuid" in value or re.fullmatch(r"[0-9a-f-]{36}", value)):
            return "<text>"
        if key == "content" and "," in value:
            return ",".join(sorted(value.split(",")))
        return TIMES.sub("<time>", HASHES.sub("<hash>", value))
    return value


def pending(items: Any) -> Any:
    """A list of `key`/`value` pairs as a mapping, so that the volatile keys in it are recognised."""
    if isinstance(items, list) and items and all(isinstance(i, dict) and "key" in i for i in items):
        return {
            item["key"]: {k: plain(v, item["key"]) for k, v in item.items() if k != "key"} for item in items
        }
    return plain(items)


def comparable(method: str, path: str, body: Any) -> Any:
    """What is compared of a body."""
    if not isinstance(body, dict):
        return body
    rest = {name: plain(body[name], name) for name in sorted(body) if name != "data"}
    data = body.get("data")
    if LISTED.match(f"{method} {path}") and isinstance(data, list):
        shapes = sorted({json.dumps({k: kind(v) for k, v in sorted(item.items())}) for item in data})
        return rest | {"data": [json.loads(shape) for shape in shapes]}
    return rest | {"data": pending(data)}


def log_end(lines: list[str]) -> list[str]:
    """The last lines of a task's log; the recordings keep no more than six."""
    return [HASHES.sub("<hash>", TIMES.sub("<time>", line)) for line in lines[-6:]]


def fact(probe: dict[str, Any]) -> dict[str, Any]:
    """One recorded probe in the form the tests compare with."""
    method, path, *params = probe["request"].split(" ", 2)
    answer, task = probe["answer"], probe["task"]
    found: dict[str, Any] = {"probe": probe["probe"], "method": method, "path": path}
    if params:
        found["params"] = ast.literal_eval(params[0])
    found |= {"status": answer["status"], "reason": answer["reason"], "connection": answer["conn"]}
    found["body"] = comparable(method, path, answer["body"])
    if task:
        found |= {"exit": task["exit"], "log": log_end(task["log"])}
    return found


def recorded(version: str) -> list[dict[str, Any]] | None:
    """The facts of a version out of the recordings; None where those are not there."""
    source = RECORDINGS / f"probes-{version}.json"
    if not source.exists():
        return None
    return [fact(probe) for probe in json.loads(source.read_text(encoding="utf-8"))]


def kept(version: str) -> list[dict[str, Any]]:
    """The facts of a version as the project keeps them."""
    facts: list[dict[str, Any]] = json.loads((FACTS / f"{version}.json").read_text(encoding="utf-8"))
    return facts


def main() -> None:
    """Write the facts of every version."""
    for version in VERSIONS:
        lines = [json.dumps(entry, sort_keys=True) for entry in recorded(version) or ()]
        (FACTS / f"{version}.json").write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
