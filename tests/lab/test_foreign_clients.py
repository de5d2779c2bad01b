"""Clients of other authors work with the lab as with a real cluster: raw proxmoxer, and one generated from the API."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from proxmoxer import ProxmoxAPI

from kvmtui.lab import Lab


@pytest.fixture
def cluster() -> Iterator[Lab]:
    with Lab(speed=200) as lab:
        yield lab


def guest(lab: Lab, vmid: int) -> Any:
    return next(one for one in lab.guests() if one.vmid == vmid)


def test_raw_proxmoxer_clones_starts_and_destroys(cluster: Lab) -> None:
    user, _, token = cluster.token_id.partition("!")
    api = ProxmoxAPI(
        cluster.host,
        port=cluster.port,
        user=user,
        token_name=token,
        token_value=cluster.token_secret,
        verify_ssl=cluster.ca_file,
    )
    node = api.nodes("pve1")

    def finished(upid: str) -> str:
        while (state := node.tasks(upid).status.get())["status"] == "running":
            time.sleep(0.01)
        return str(state["exitstatus"])

    assert finished(node.qemu(9002).clone.post(newid=700, name="by-proxmoxer", full=1)) == "OK"
    node.qemu(700).config.put(cores=3)
    assert finished(node.qemu(700).status.start.post()) == "OK"
    assert guest(cluster, 700).status == "running" and guest(cluster, 700).config["cores"] == 3
    assert finished(node.qemu(700).status.stop.post()) == "OK"
    assert finished(node.qemu(700).delete(purge=1)) == "OK"
    assert 700 not in {one.vmid for one in cluster.guests()}


def test_a_client_generated_from_the_api_description_understands_every_answer(cluster: Lab) -> None:
    foreign = pytest.importorskip("clientapi_pve", reason="pip install '.[foreign]' brings it")
    models = __import__("clientapi_pve.models", fromlist=["models"])
    settings = foreign.Configuration(
        host=f"{cluster.url}/api2/json",
        api_key={"PVEApiToken": f"PVEAPIToken={cluster.token_id}={cluster.token_secret}"},
    )
    settings.ssl_ca_cert = cluster.ca_file
    pve = foreign.Pve(configuration=settings)
    assert {node.node for node in pve.nodes.get_nodes().data} == {"pve1", "pve2", "pve3"}
    assert pve.qemu.vm_status(node="pve1", vmid=100).data.status == "running"
    request = models.QemuCloneVmRequest(newid=701, name="by-description", full=True)
    upid = pve.qemu.clone_vm("pve1", 9002, request).data
    assert upid.startswith("UPID:pve1:")
    while not pve.nodesTasks.read_task_status(node="pve1", upid=upid).data.exitstatus:
        time.sleep(0.01)
    assert pve.qemu.vm_status(node="pve1", vmid=701).data.name == "by-description"
