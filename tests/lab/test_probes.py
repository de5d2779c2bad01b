"""Single requests to real Proxmox VE nodes, sent to the lab set up like them: the answers must be the same."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from kvmtui.lab import Lab
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.volumes import GIB, KIB, MIB, LabVolume
from tests.lab import probing

TOKEN, SECRET = "ops@pve!adm", "12345678-1234-4234-8234-123456789abc"
RELEASES = {"9.2": "9.2.11", "8.4": "8.4.21"}
# Probes that the lab answers otherwise on purpose, and why; docs/lab.md lists them too.
EXPECTED: dict[str, dict[str, str]] = {"9.2": {}, "8.4": {}}
DIRECTORIES = {
    "local": ("/var/lib/vz", "snippets,images,iso,vztmpl,backup"),
    "disks": ("/var/lib/vzd", "images"),
    "iso": ("/var/lib/vzi", "iso"),
    "backup": ("/var/lib/vzb", "backup"),
}
# vmid: name, memory, cores, status, MAC, address, ciuser
GUESTS = {
    "9.2": {
        2001: ("vm-5102", "300", 1, "running", "BC:24:11:4F:F5:E1", ("22", "21"), "udxsit3f"),
        6000: ("vm-5601", "256", 1, "stopped", "BC:24:11:00:00:07", ("130", "130"), "u"),
    },
    "8.4": {
        2001: ("vm-5101", "256", 1, "running", "BC:24:11:38:1A:7C", ("22", "21"), "uexhm95y"),
        2002: ("vm-5102", "256", 1, "stopped", "BC:24:11:00:00:07", ("20", "20"), "u"),
    },
}
FIREWALL = {
    "enable": 1,
    "dhcp": 1,
    "ipfilter": 0,
    "log_level_in": "nolog",
    "log_level_out": "nolog",
    "macfilter": 1,
    "ndp": 1,
    "policy_in": "ACCEPT",
    "policy_out": "ACCEPT",
    "radv": 0,
}


def furnish(lab: Lab, version: str) -> None:
    """Make the lab's world the probed node: a template, a running and a stopped linked clone, four directories."""
    world = lab.world
    world.access.tokens[TOKEN] = SECRET
    world.access.grant(TOKEN, "/", *world.dialect.privileges())
    world.roster.clear()
    world.storages.clear()
    world.shelf.__init__()  # type: ignore[misc]
    world.firewall_config("cluster")["options"].clear()
    for name, (path, content) in DIRECTORIES.items():
        store = {"type": "dir", "path": path, "content": content, "bytes": 252 * GIB}
        world.storages[name] = {**store, "active": 1, "files": set()}
    world.shelf.add(LabVolume("pve1", "iso", "iso/rescue.iso", 350 * KIB, "iso", "iso", None, 350 * KIB))
    lab.add_template(9000, "disks", name="debian-12")
    lab.world.roster[9000].config["scsihw"] = "virtio-scsi-pci"
    for vmid, made in GUESTS[version].items():
        guest(lab, vmid, *made)
    cloner = "ops@pve" if version == "9.2" else "ops@pve!old"
    lab._await(world.workers.start("pve1", "qmclone", 9000, cloner, nothing, vmids=(9000,)))


async def nothing() -> None:
    """A task without work."""


def guest(
    lab: Lab, vmid: int, name: str, memory: str, cores: int, status: str, mac: str, ends: Any, user: str
) -> None:
    world = lab.world
    base = "9000/base-9000-disk-0.qcow2"
    disk = f"{base}/{vmid}/vm-{vmid}-disk-0.qcow2"
    drive = f"{vmid}/vm-{vmid}-cloudinit.qcow2"
    world.shelf.add(
        LabVolume("pve1", "disks", disk, 3 * GIB, "qcow2", "images", vmid, 800 * KIB, parent=base)
    )
    world.shelf.add(LabVolume("pve1", "disks", drive, 4 * MIB, "qcow2", "images", vmid, 600 * KIB))
    limits = "iops_rd=500,iops_wr=500,mbps_rd=100,mbps_wr=100"
    config = {
        "agent": "1",
        "boot": "order=scsi0",
        "cipassword": "$5$abcdefgh$0123456789012345678901234567890123456789012",
        "ciuser": user,
        "cores": cores,
        "description": f"kvmtui instance=x vm={vmid}",
        "ide2": f"disks:{drive},media=cdrom,size=4M",
        "ipconfig0": f"gw=192.168.77.1,gw6=fd00:77::1,ip=192.168.77.{ends[0]}/24,ip6=fd00:77::{ends[1]}/64",
        "kvm": 0,
        "memory": memory,
        "meta": "creation-qemu=10.2.2,ctime=1795838451",
        "name": name,
        "nameserver": "8.8.8.8 1.1.1.1 2001:4860:4860::8888",
        "net0": f"virtio={mac},bridge=vmbr0,firewall=1,rate=12",
        "ostype": "l26",
        "scsi0": f"disks:{disk},{limits},size=3G",
        "scsihw": "virtio-scsi-pci",
        "searchdomain": "example.com",
        "serial0": "socket",
        "smbios1": "uuid=c0572d16-b883-41ee-b834-a0db72bfb5fc",
        "vmgenid": "08001639-7f64-4b32-88a9-5dbccbfe737d",
    }
    made = LabGuest(vmid, "pve1", config, agent={"chpasswd": False})
    world.roster[vmid] = made
    made.note(world.clock.now() - 3600)
    if status == "running":
        made.power("running", world.clock.now() - 600)
        made.generated = dict(config)
    rules = world.firewall_config("vm", vmid=vmid)
    rules["options"].update(FIREWALL)
    rules["ipset"]["ipfilter-net0"] = []


class Prober:
    """Sends one probe after the other and waits for each task."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = lab.ca_file

    def headers(self, probe: str) -> dict[str, str]:
        """How the probe logs in."""
        if probe in ("no auth", "wrong password", "unknown user ticket"):
            return {}
        name = "ops@pve!nope" if probe == "unknown token" else TOKEN
        secret = "0" if probe == "bad token secret" else SECRET
        return {"Authorization": f"PVEAPIToken={name}={secret}"}

    def send(self, fact: dict[str, Any]) -> requests.Response:
        """One request as the probe made it."""
        method, probe = fact["method"], fact["probe"]
        sent: dict[str, Any] = {"params" if method in ("GET", "DELETE") else "data": fact.get("params", {})}
        if probe == "DELETE with body":
            sent = {"data": {"purge": 1}}
        if probe == "json body put":
            sent = {"json": {"cores": 2}}
        url = f"{self.lab.url}/api2/json{fact['path']}"
        return self.session.request(method, url, headers=self.headers(probe), timeout=20, **sent)

    def answered(self, fact: dict[str, Any]) -> dict[str, Any]:
        """The same fact as the lab has it."""
        answer = self.send(fact)
        body: Any = answer.text
        if "json" in answer.headers.get("Content-Type", ""):
            body = answer.json()
        found = {k: fact[k] for k in ("probe", "method", "path", "params") if k in fact}
        found |= {"status": answer.status_code, "reason": answer.reason}
        found["connection"] = answer.headers.get("Connection", "")
        found["body"] = probing.comparable(fact["method"], fact["path"], body)
        if "exit" in fact and answer.status_code == 200:
            found |= self.ended(str(body["data"]))
        return found

    def ended(self, upid: str) -> dict[str, Any]:
        """How a task ended, and the end of its log."""
        if not upid.startswith("UPID:"):
            return {}
        path = f"{self.lab.url}/api2/json/nodes/pve1/tasks/{upid}"
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            status = self.session.get(f"{path}/status", headers=self.headers("")).json()["data"]
            if status["status"] == "stopped":
                log = self.session.get(f"{path}/log", headers=self.headers("")).json()["data"]
                return {"exit": status["exitstatus"], "log": probing.log_end([line["t"] for line in log])}
        raise AssertionError(f"{upid} did not end")


def differences(expected: Any, found: Any, where: str = "") -> list[str]:
    """Where two facts differ, key by key; a text that was hidden in the recording matches any."""
    if expected == found or (expected == "<hash>" and isinstance(found, str)):
        return []
    if isinstance(expected, dict) and isinstance(found, dict):
        reported: list[str] = []
        for key in sorted({*expected, *found}):
            if key not in found:
                reported.append(f"{where}.{key} is missing")
            elif key not in expected:
                reported.append(f"{where}.{key} is new")
            else:
                reported += differences(expected[key], found[key], f"{where}.{key}")
        return reported
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = zip(expected, found, strict=True)
        return [text for n, pair in enumerate(pairs) for text in differences(*pair, f"{where}[{n}]")]
    return [f"{where}: {json.dumps(expected)} became {json.dumps(found)}"]


@pytest.fixture
def prober(request: pytest.FixtureRequest) -> Iterator[Prober]:
    """A prober of a lab set up like the probed node of that version."""
    version = request.param
    with Lab(nodes=1, speed=0, version=RELEASES[version], closing=True) as lab:
        furnish(lab, version)
        prober = Prober(lab)
        yield prober
        prober.session.close()


@pytest.mark.parametrize(("prober", "version"), [(v, v) for v in probing.VERSIONS], indirect=["prober"])
def test_every_probe_is_answered_as_by_the_real_node(prober: Prober, version: str) -> None:
    found: dict[str, list[str]] = {}
    for fact in probing.kept(version):
        reported = differences(fact, prober.answered(fact))
        if reported:
            found[fact["probe"]] = reported
    unexpected = {name: reported for name, reported in found.items() if name not in EXPECTED[version]}
    assert not unexpected, json.dumps(unexpected, indent=1)
    assert sorted(found) == sorted(EXPECTED[version])


@pytest.mark.parametrize("version", probing.VERSIONS)
def test_the_kept_facts_are_those_of_the_recordings(version: str) -> None:
    recorded = probing.recorded(version)
    if recorded is None:
        pytest.skip("the recordings are not on this machine")
    assert probing.kept(version) == recorded
