"""`check_server` on what only a cluster in distress or of version 9 shows: quorum, unknown nodes, volume chains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from engine.proxmox.check import CheckResult, ProductNeeds, ServerCheck, SnapshotNeeds
from engine.proxmox.checks import check_server
from engine.proxmox.privileges import Use
from engine.proxmox.values import Backup, NodeInfo, Quorum

TEMPLATE = {
    "name": "debian",
    "template": 1,
    "scsi0": "files:9000/base-9000-disk-0.raw,size=3G",
    "ide2": "files:9000/vm-9000-cloudinit.qcow2,media=cdrom",
    "agent": "1",
    "boot": "order=scsi0",
    "cpu": "x86-64-v2-AES",
}
NODES = [{"type": "node", "name": "pve1", "online": 1}, {"type": "node", "name": "pve2", "online": 0}]
CLUSTER = {"type": "cluster", "name": "waw", "nodes": 2, "quorate": 1}
WANTED = ProductNeeds(templates=("9000",), storages=("files",), uses=frozenset())


class ScriptedCluster:
    """What the scripted cluster says; tests change parts of it."""

    def __init__(self) -> None:
        self.status: list[dict[str, Any]] = [{"type": "node", "name": "pve1", "online": 1}]
        self.nodes: list[dict[str, Any]] = [{"node": "pve1", "status": "online", "maxmem": 8 << 30}]
        self.storage: dict[str, Any] = {
            "storage": "files",
            "type": "dir",
            "content": "images",
            "active": 1,
            "enabled": 1,
        }
        self.chained: list[dict[str, Any]] = []
        self.template = dict(TEMPLATE)
        self.permissions: dict[str, Any] = {"/": dict.fromkeys(ALL, 1)}


ALL = (
    *(f"VM.Config.{part}" for part in ("CPU", "Memory", "Disk", "Network", "Options", "Cloudinit")),
    *(f"VM.{name}" for name in ("Audit", "Allocate", "Clone", "PowerMgmt")),
    *("Datastore.AllocateSpace", "Datastore.Audit", "Sys.Audit", "SDN.Use"),
)


@pytest.fixture
def cluster_state() -> ScriptedCluster:
    return ScriptedCluster()


@pytest.fixture
def check(
    serve: Any, connect: Any, world: Any, cluster_state: ScriptedCluster
) -> Callable[..., dict[str, ServerCheck]]:
    def answer(seen: Any) -> Any:
        paths = {
            "/version": {"version": "9.2.11", "release": "9.2"},
            "/cluster/status": cluster_state.status,
            "/nodes": cluster_state.nodes,
            "/nodes/pve1/storage": [cluster_state.storage],
            "/storage": cluster_state.chained,
            "/cluster/resources": [{"vmid": 9000, "node": "pve1", "type": "qemu", "template": 1}],
            "/nodes/pve1/qemu/9000/config": cluster_state.template,
            "/access/permissions": cluster_state.permissions,
            "/cluster/firewall/options": {"enable": 1},
            "/nodes/pve1/time": {"time": 0},
        }
        return world.reply(paths[seen.path]) if seen.path in paths else world.reply([])

    def run(wanted: ProductNeeds = WANTED) -> dict[str, ServerCheck]:
        return {found.name: found for found in check_server(connect(serve(answer)), wanted)}

    return run


def test_a_single_node_has_quorum(check: Any) -> None:
    assert check()["quorum"].sentence == "The cluster has quorum (1 of 1 node)."


def test_lost_quorum_fails_and_names_the_missing_nodes(check: Any, cluster_state: ScriptedCluster) -> None:
    cluster_state.status = [{**CLUSTER, "quorate": 0}, *NODES]
    found = check()["quorum"]
    assert found.result is CheckResult.FAIL
    assert found.sentence == "waw1 has lost quorum (1 of 2 nodes); changes wait. Missing: pve2."


def test_a_missing_node_of_a_cluster_with_quorum_is_no_failure(
    check: Any, cluster_state: ScriptedCluster
) -> None:
    cluster_state.status = [CLUSTER, *NODES]
    assert check()["quorum"].result is CheckResult.OK


def test_quorum_is_read_from_the_answer_of_a_node() -> None:
    assert Quorum.of([{"type": "node", "name": "pve1", "online": 1, "local": 1}]) == Quorum(True, 1, 1)
    assert Quorum.of([{**CLUSTER, "quorate": 0}, *NODES]) == Quorum(False, 1, 2, ("pve2",))


def test_a_node_that_has_not_reported_is_not_offline(check: Any, cluster_state: ScriptedCluster) -> None:
    cluster_state.nodes = [{"node": "pve1", "status": "unknown"}]
    found = check()["node pve1"]
    assert (found.result, "offline" in found.sentence) == (CheckResult.WARN, False)
    assert "has not reported its status yet; work there is possible" in found.sentence
    assert NodeInfo.of({"node": "pve1", "status": "unknown"}).online
    assert not NodeInfo.of({"node": "pve1", "status": "offline"}).online


def test_a_storage_with_volume_chains_is_a_warning(check: Any, cluster_state: ScriptedCluster) -> None:
    assert "volume chain files" not in check()
    cluster_state.chained = [{"storage": "files", "type": "dir", "snapshot-as-volume-chain": 1}]
    found = check()["volume chain files"]
    assert found.result is CheckResult.WARN and "snapshot-as-volume-chain" in found.sentence


@pytest.mark.parametrize(
    ("storage", "linked", "disk", "why"),
    [
        ("dir", False, "files:9000/base-9000-disk-0.raw", ""),
        ("dir", True, "files:9000/base-9000-disk-0.raw", "it is a linked clone of a raw file"),
        ("dir", True, "files:9000/base-9000-disk-0.qcow2", ""),
        ("lvm", False, "files:base-9000-disk-0", "storage files (lvm) cannot take any"),
        ("lvmthin", True, "files:base-9000-disk-0", ""),
    ],
)
def test_a_product_that_cannot_be_snapshotted(
    check: Any, cluster_state: ScriptedCluster, storage: str, linked: bool, disk: str, why: str
) -> None:
    cluster_state.storage["type"] = storage
    cluster_state.template["scsi0"] = f"{disk},size=3G"
    found = check(replace(WANTED, snapshots=(SnapshotNeeds("VPS", "9000", linked),)))["snapshots VPS"]
    assert found.result is (CheckResult.WARN if why else CheckResult.OK)
    assert why in found.sentence


def test_privileges_that_no_product_uses_are_optional(check: Any) -> None:
    found = check()
    assert [name for name, one in found.items() if one.result is CheckResult.FAIL] == ["clock pve1"]
    optional = found["optional privileges"]
    assert optional.result is CheckResult.OK
    for cluster_state in (
        "VM.Snapshot on /vms (snapshots)",
        "VM.Console on /vms (consoles)",
        "(several nodes)",
    ):
        assert cluster_state in optional.sentence


def test_the_same_privileges_fail_once_a_product_uses_them(check: Any) -> None:
    found = check(replace(WANTED, uses=frozenset({Use.SNAPSHOTS, Use.AGENT})))
    assert found["privilege VM.Snapshot on /vms"].result is CheckResult.FAIL
    agent = found["privilege VM.GuestAgent.Unrestricted on /vms"]
    assert agent.result is CheckResult.WARN and "restarts the VM instead" in agent.sentence
    assert "VM.Snapshot" not in found["optional privileges"].sentence


def test_a_template_with_a_cpu_model_of_the_site_needs_one_more(
    check: Any, cluster_state: ScriptedCluster
) -> None:
    assert not any("Mapping.Use" in name for name in check())
    cluster_state.template["cpu"] = "custom-epyc,flags=+aes"
    found = check()["privilege Mapping.Use on /mapping"]
    assert found.result is CheckResult.FAIL and "--roles KvmtuiCpu" in found.fix


def test_an_approximate_size_stands_in_for_a_missing_one() -> None:
    row = {"volid": "backup:backup/x.vma.zst", "content": "backup", "approximate-size": 7}
    assert (Backup.of(row, "backup").size, Backup.of({**row, "size": 9}, "backup").size) == (7, 9)
