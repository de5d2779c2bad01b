"""Clients of other authors against the lab: proxmoxer used raw, and a generated one that validates every answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from proxmoxer import ProxmoxAPI
from proxmoxer.core import ResourceException
from proxmoxer.tools import Tasks

from kvmtui.lab import Lab

OTHER = ["clientapi-pve==2026.5.24", "python-dateutil", "six"]
SCRIPT = """
import sys, time
from clientapi_pve import Configuration, Pve, models
url, token, ca = sys.argv[1:]
key = {"PVEApiToken": "PVEAPIToken=" + token}
pve = Pve(configuration=Configuration(host=url + "/api2/json", api_key=key, ssl_ca_cert=ca))

def wait(upid):
    while (task := pve.nodesTasks.read_task_status(node="pve1", upid=upid).data).status != "stopped":
        time.sleep(0.01)
    assert task.exitstatus == "OK", task.exitstatus

assert [node.node for node in pve.nodes.get_nodes().data] == ["pve1", "pve2", "pve3"]
order = models.QemuCloneVmRequest(newid=300, name="web")
wait(pve.qemu.clone_vm(node="pve1", vmid=9000, qemu_clone_vm_request=order).data)
order = models.QemuResizeVmRequest(disk="scsi0", size="10G")
wait(pve.qemu.resize_vm(node="pve1", vmid=300, qemu_resize_vm_request=order).data)
wait(pve.qemu.vm_start(node="pve1", vmid=300).data)
assert pve.qemu.vm_status(node="pve1", vmid=300).data.maxdisk == 10 * 1024**3
assert pve.qemu.migrate_vm_precondition(node="pve1", vmid=300).data.running
assert 300 in [guest.vmid for guest in pve.qemu.vmlist(node="pve1").data]
assert "qemu/300" in [item.id for item in pve.cluster.resources().data]
assert len(pve.nodesTasks.node_tasks(node="pve1").data) == len(pve.cluster.tasks().data) == 3
assert pve.nodesStatus.status(node="pve1").data.memory.total == 64 * 1024**3
assert pve.qemu.snapshot_list(node="pve1", vmid=300).data[0].name == "current"
for call in (pve.qemu.get_options, pve.qemu.cloudinit_pending):
    call(node="pve1", vmid=300)
pve.qemu.rrddata(node="pve1", vmid=300, timeframe="hour")
pve.nodesNetwork.get_network(node="pve1")
pve.nodesStorage.get_storage(node="pve1")
pve.cluster.get_status()
print(pve.version.version().data.release)
"""


def test_proxmoxer_with_a_token(lab: Lab) -> None:
    user, _, name = lab.token_id.partition("!")
    api = ProxmoxAPI(
        lab.host,
        port=lab.port,
        user=user,
        token_name=name,
        token_value=lab.token_secret,
        verify_ssl=lab.ca_file,
        timeout=40,
    )
    upid = api.nodes("pve1").qemu(9000).clone.post(newid=300, name="web")
    ended = Tasks.blocking_status(api, upid, timeout=20, polling_interval=0.01)
    assert ended is not None
    assert ended["exitstatus"] == "OK"
    vm = api.nodes("pve1").qemu(300)
    vm.config.put(cores=2, onboot=True)
    assert vm.config.get()["cores"] == 2
    assert vm.firewall.ipset.post(name="web") is None
    vm.firewall.ipset("web").post(cidr="192.0.2.0/24")
    vm.firewall.ipset("web")("192.0.2.0/24").delete()
    Tasks.blocking_status(api, vm.delete(purge=1), polling_interval=0.01)
    with pytest.raises(ResourceException) as gone:
        vm.config.get()
    assert gone.value.status_code == 500
    assert gone.value.content == "Configuration file 'nodes/pve1/qemu-server/300.conf' does not exist"


def test_proxmoxer_with_a_password(lab: Lab) -> None:
    api = ProxmoxAPI(
        lab.host, port=lab.port, user=lab.user, password=lab.password, verify_ssl=lab.ca_file, timeout=40
    )
    assert api.version.get()["release"] == "9.1"
    assert api.nodes("pve2").qemu(105).config.put(cores=2) is None
    with pytest.raises(ResourceException) as wrong:
        api.nodes("pve2").qemu(105).config.put(cores="many")
    assert wrong.value.errors == {"cores": "type check ('integer') failed - got 'many'"}


def test_a_generated_client(lab: Lab, tmp_path: Path) -> None:
    """clientapi-pve, made from Proxmox's own schema; fetched for this test alone, skipped where it cannot be."""
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--retries=0", "--timeout=5"]
    fetched = subprocess.run([*install, f"--target={tmp_path}", *OTHER], capture_output=True, text=True)
    if fetched.returncode:
        pytest.skip("clientapi-pve cannot be fetched here")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, lab.url, f"{lab.token_id}={lab.token_secret}", lab.ca_file],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tmp_path)},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == "9.1\n"
