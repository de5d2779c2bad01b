"""Every request the client can send, held against the parameter schemas of Proxmox VE 7.4, 8.4 and 9.2."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.proxmox import Guest, GuestView
from engine.proxmox.codecs import Drive, IpConfig, Limits, Net, encode_ssh_keys

Schema = dict[str, Any]
BESIDE = Path(__file__).resolve().parents[3] / "shared"
FOLDER = Path(os.environ.get("KVMTUI_SHARED") or BESIDE) / "data" / "pve-api"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the schemas are not here")
UPID = "UPID:pve1:00001000:00002000:69000000:qmstart:100:kvmtui@pve!console:"
TRUTH = re.compile(r"(?i:1|on|yes|true|0|off|no|false)")
FORMATS = {
    "pve-vmid": r"[1-9]\d{2,8}",
    "pve-node": r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?",
    "pve-storage-id": r"[A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]",
    "pve-configid": r"[A-Za-z][A-Za-z0-9_-]+",
    "pve-configid-list": r"[A-Za-z][A-Za-z0-9_-]+(?:[,; ][A-Za-z][A-Za-z0-9_-]+)*",
    "dns-name": r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?",
    "urlencoded": r"[-%a-zA-Z0-9_.!~*'()]*",
    "mac-addr": r"[0-9A-F]{2}(?::[0-9A-F]{2}){5}",
    "disk-size": r"\d+(\.\d+)?[KMGT]?",
    "storage-pair-list": r"[A-Za-z0-9_.:-]+",
    "IPorCIDR": r"[0-9a-fA-F.:]+(/\d+)?",
    "ipset-name": r"[A-Za-z][A-Za-z0-9_-]+",
}


def fault_of(schema: Schema, value: str) -> str | None:
    """What a schema has against a value, or None."""
    kind = schema.get("type", "string")
    if kind == "boolean":
        return None if TRUTH.fullmatch(value) else f"{value} is no boolean"
    if kind == "integer" and not re.fullmatch(r"-?\d+", value):
        return f"{value} is no integer"
    if kind == "number" and not re.fullmatch(r"-?\d+(\.\d+)?", value):
        return f"{value} is no number"
    if "enum" in schema and value not in schema["enum"]:
        return f"{value} is not one of {schema['enum']}"
    if "minimum" in schema and float(value) < float(schema["minimum"]):
        return f"{value} is below {schema['minimum']}"
    if "maximum" in schema and float(value) > float(schema["maximum"]):
        return f"{value} is above {schema['maximum']}"
    if len(value) > int(schema.get("maxLength", 1_000_000)) or len(value) < int(schema.get("minLength", 0)):
        return f"the length of {value} is wrong"
    pattern = schema.get("pattern")
    if pattern and not re.search("^(?:" + re.sub(r"\(\?\^\w*:", "(?:", pattern) + ")$", value):
        return f"{value} does not match {pattern}"
    wanted = schema.get("format")
    if isinstance(wanted, dict):
        return property_fault(wanted, value)
    if wanted in FORMATS and not re.fullmatch(FORMATS[wanted], value):
        return f"{value} is no {wanted}"
    return None


def property_fault(schema: Schema, text: str) -> str | None:
    """What the schema of a property string has against one."""
    seen: set[str] = set()
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if not equals:
            key, value = next((name for name, rule in schema.items() if rule.get("default_key")), ""), part
        if key not in schema:
            return f"{key} is not an option of this property"
        rule = schema[key]
        if "keyAlias" in rule:
            seen.add(rule["keyAlias"])
        key, rule = (rule["alias"], schema[rule["alias"]]) if "alias" in rule else (key, rule)
        seen.add(key)
        if fault := fault_of(rule, value):
            return f"{key}: {fault}"
    missing = [name for name, rule in schema.items() if not rule.get("optional") and "alias" not in rule]
    return next((f"{name} is missing" for name in missing if name not in seen), None)


def described(schemas: Schema, method: str, path: str) -> tuple[str, Schema, dict[str, str]]:
    """The template a request fits, its parameters, and the values in the path."""
    hits = []
    for key, info in schemas.items():
        verb, _, template = key.partition(" ")
        pattern = re.sub(r"\\\{(volume|cidr)\\\}", r"(?P<\1>.+)", re.escape(template))
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", pattern)
        match = re.fullmatch(pattern, path) if verb == method else None
        if match:
            hits.append((template.count("{"), key, info, match.groupdict()))
    assert hits, f"{method} {path} is not an endpoint"
    _count, key, info, values = min(hits, key=lambda hit: hit[0])
    return key, info["parameters"].get("properties") or {}, values


def complaints(schemas: Schema, seen: Any) -> list[str]:
    """Everything a schema has against one request."""
    key, properties, values = described(schemas, seen.method, seen.path)
    numbered = {
        re.sub(r"\[n\]$", "", name): rule for name, rule in properties.items() if name.endswith("[n]")
    }
    given = {**values, **seen.params}
    found = []
    for name, value in given.items():
        schema = properties.get(name) or numbered.get(re.sub(r"\d+$", "", name))
        fault = "is not a parameter" if schema is None else fault_of(schema, value)
        found += [f"{key}: {name} {fault}"] if fault else []
    missing = [name for name, rule in properties.items() if not rule.get("optional") and "[n]" not in name]
    return found + [f"{key}: {name} is missing" for name in missing if name not in given]


def canned(world: Any, version: str) -> Any:
    """Answers of the right shape for everything, so that the client goes all its ways."""

    def answer(seen: Any) -> Any:
        last = seen.path.rpartition("/")[2]
        if seen.path == "/access/ticket":
            return world.reply({"ticket": "PVE:t", "CSRFPreventionToken": "c"})
        if seen.path == "/version":
            return world.reply({"version": version})
        if last in ("vncproxy", "termproxy"):
            return world.reply({"ticket": "PVEVNC:t", "port": 5900, "user": "u"})
        if seen.changing:
            nothing = seen.method == "PUT" or "/firewall/" in seen.path or "/agent/" in seen.path
            return world.reply(None if nothing else UPID)
        if last == "config":
            return world.reply(world.config(ide0="local:iso/old.iso,media=cdrom"))
        if last == "content" and seen.params["content"] == "backup":
            return world.reply([{"volid": "backups:backup/vzdump-qemu-100.vma.zst", "vmid": 100}])
        if last == "ipfilter-net0":
            return world.reply([{"cidr": "192.0.2.0/24"}])
        if last == "dump":
            return world.reply("#cloud-config")
        if last in ("resources", "nodes"):
            return world.reply(
                [{"node": "pve1", "vmid": 9000, "type": "qemu", "template": 1, "status": "online"}]
            )
        objects = ("current", "permissions", "time", "status", "nextid", "options")
        return world.reply({"status": "running"} if last in objects else [])

    return answer


def read_everything(cluster: Any, guest: GuestView) -> None:
    """Every reading call there is."""
    (
        cluster.permissions(),
        cluster.nodes(),
        cluster.storages("pve1"),
        cluster.bridges("pve1"),
        cluster.resources(),
        cluster.overview(),
    )
    cluster.firewall_baseline(), cluster.clock_skew("pve1"), cluster.next_id_free(100)
    cluster.find_guest(100), cluster.find_template(9000), cluster.active_tasks("pve1")
    cluster.recent_tasks("pve1", 1_700_000_000_000, 9000, "qmclone")
    cluster.task_state(UPID), cluster.task_log(UPID, 5)
    cluster.backups("pve1", "backups", 100), cluster.iso_images("pve1", "local")
    guest.config(), guest.config(current=True), guest.pending(), guest.status(), guest.snapshots()
    for timeframe in ("hour", "day", "week", "month", "year"):
        guest.rrddata(timeframe)
    guest.agent_alive(), guest.serial_console(), guest.screen_console()


def change_everything(cluster: Any, guest: Guest) -> None:
    """Every changing call there is, with the values the engine sends."""
    config = guest.config()
    drive = config.drives["scsi0"].with_limits(Limits(100, 50.5, 500, 1000))
    net = config.nets["net0"].with_rate(12.5).with_vlan(100).with_bridge("vmbr1").with_model("e1000")
    guest.set_config(
        {
            "cores": 4,
            "sockets": 1,
            "memory": 4096,
            "name": "vm-5546",
            "net0": net.format(),
            "ipconfig0": IpConfig.of("192.0.2.5/24", "192.0.2.1", "2001:db8::5/64", "2001:db8::1").format(),
            "nameserver": "192.0.2.53 192.0.2.54",
            "searchdomain": "example.com",
            "ciuser": "debian",
            "cipassword": "$6$salt$hash",
            "sshkeys": encode_ssh_keys(["ssh-ed25519 AAAA+/= alice@example.com"]),
            "agent": "1",
            "boot": config.boot.format(),
        },
        delete=["description", "ipconfig1"],
    )
    guest.set_config(
        {"scsi0": drive.format(), "scsi1": Drive("local-lvm:50").with_option("discard", "on").format()}
    )
    guest.set_config({"net1": Net("virtio").with_bridge("vmbr0").with_firewall(True).format()})
    guest.resize("scsi0", 64)
    guest.mount_iso("local:iso/debian.iso"), guest.eject_iso()
    guest.start(), guest.stop(), guest.shutdown(120, force=True), guest.reboot(), guest.reset()
    guest.migrate("pve2", "local-lvm"), guest.migrate("pve2"), guest.destroy()
    guest.create_snapshot("before", "text"), guest.delete_snapshot("before"), guest.rollback("before")
    (
        guest.backup("backups", "kept\nfor ever"),
        guest.restore("backups:backup/vzdump-qemu-100.vma.zst", "local-lvm"),
    )
    guest.set_user_password("root", "long-enough"), guest.stamp()
    firewall = guest.firewall
    options = {"enable": 1, "dhcp": 1, "ndp": 1, "radv": 0, "macfilter": 1, "ipfilter": 0}
    firewall.set_options(
        {**options, "policy_in": "DROP", "policy_out": "ACCEPT", "log_level_in": "nolog"}, ["log_level_out"]
    )
    firewall.ensure_ipset("ipfilter-net0", ["192.0.2.5", "2001:db8::5"]), firewall.ensure_ipset("other", [])
    firewall.remove_ipset("ipfilter-net0")
    firewall.options()
    cluster.clone(
        9000, "pve1", 218, "vm-5546", full=True, mark=guest.mark, storage="local-lvm", target="pve1"
    )
    cluster.clone(9000, "pve1", 218, "vm-5546", full=False, mark=guest.mark)
    cluster.restore(
        "pve1", 218, "backups:backup/vzdump-qemu-100.vma.zst", mark=guest.mark, storage="local-lvm"
    )
    cluster.delete_backup("pve1", "backups", "backups:backup/vzdump-qemu-100.vma.zst", 100, guest.mark)


@pytest.mark.parametrize("version", ["7.4", "8.4", "9.2"])
def test_every_request_fits_the_schema(serve: Any, connect: Any, world: Any, version: str) -> None:
    schemas = json.loads((FOLDER / f"{version}.json").read_text())
    server = serve(canned(world, version))
    cluster = connect(server, token_id=None, token_secret=None, user="root@pam", password="right-password")
    read_everything(cluster, GuestView(cluster, 100, "pve1"))
    change_everything(cluster, Guest(cluster, 100, world.mark, "pve1"))
    found = [complaint for seen in server.seen for complaint in complaints(schemas, seen)]
    assert found == []
    kinds = {described(schemas, seen.method, seen.path)[0] for seen in server.seen}
    assert len(kinds) > 45


def test_the_check_itself_can_fail(world: Any) -> None:
    schemas = json.loads((FOLDER / "9.2.json").read_text())

    params = {
        "cores": "many",
        "net0": "virtio,colour=red",
        "scsi0": "a:b,iops_rd=x",
        "skiplocks": "1",
        "sshkeys": "a b",
    }
    wrong = SimpleNamespace(method="PUT", path="/nodes/pve1/qemu/100/config", params=params)
    assert len(complaints(schemas, wrong)) == 5
