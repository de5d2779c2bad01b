"""A look at a VM, over HTTPS against the simulated cluster: what is seen, what it costs, what can go wrong."""

from __future__ import annotations

import pytest

from engine.actions import packages, pausing
from engine.audit import current_actor
from engine.errors import Refused
from engine.proxmox.guest import Guest
from engine.proxmox.journal import SilentRecorder
from engine.proxmox.mark import Mark
from engine.queries.drift import Fact
from engine.queries.live import LiveReader, LiveView, live
from engine.store.models import Server, Service, Vm
from kvmtui.lab import InjectedFault
from tests.live.conftest import MAC, VMID, Make, reads
from tests.pipelines.conftest import Site


def facts(view: LiveView) -> dict[str, Fact]:
    assert view.beside is not None, view.looked
    return {each.name: each for each in view.beside.facts()}


def test_a_vm_of_ours_is_read_completely_with_two_requests(site: Site, made: Make) -> None:
    vm = made(agent="1", ide2="local:iso/debian-12.iso,media=cdrom")
    site.lab.requests.clear()
    view = live(vm.service_id)
    assert sorted(reads(site.lab)) == ["pending", "status/current"]
    assert view.looked.state == "seen" and view.looked.owner == "ours" and view.looked.api_ms is not None
    assert view.standing is not None and view.usage is not None
    assert (view.standing.power, view.standing.agent) == ("running", True)
    assert view.standing.iso == "local:iso/debian-12.iso"
    assert (
        0 < view.usage.cpu_percent <= 100 and 0 < view.usage.memory_used < view.usage.memory == 2048 * 2**20
    )
    assert view.drift == ()
    assert {name: each.real for name, each in facts(view).items()} == {
        "cores": 2, "sockets": 1, "memory": 2048, "system_disk.size": 20, "system_disk.mbps_rd": 100,
        "system_disk.mbps_wr": 0, "system_disk.iops_rd": 0, "system_disk.iops_wr": 500, "additional_disk.size": 5,
        "additional_disk.mbps_rd": 0, "additional_disk.mbps_wr": 0, "additional_disk.iops_rd": 0,
        "additional_disk.iops_wr": 0, "network.model": "virtio", "network.mac": MAC, "network.rate": 12,
        "network.bridge": "vmbr0", "network.vlan": 0, "network.firewall": True,
    }  # fmt: skip


def test_what_somebody_changed_has_drifted(site: Site, made: Make) -> None:
    vm = made(
        cores=4, memory="1024", scsi0="local-lvm:vm-5001-disk-0,size=10G,mbps_rd=50", scsi1=None,
        net0=f"e1000={MAC},bridge=vmbr1,tag=7",
    )  # fmt: skip
    seen = facts(view := live(vm.service_id))
    wrong = {each.name: (each.real, each.package) for each in view.drift}
    assert wrong == {
        "cores": (4, 2), "memory": (1024, 2048), "system_disk.size": (10, 20), "system_disk.mbps_rd": (50, 100),
        "system_disk.iops_wr": (0, 500), "additional_disk.size": (0, 5), "network.rate": (0, 12),
        "network.bridge": ("vmbr1", "vmbr0"), "network.vlan": (7, 0), "network.firewall": (False, True),
    }  # fmt: skip
    assert seen["network.model"].same  # the product leaves the model to the template
    assert not any(each.same for each in view.drift)


def test_a_larger_disk_is_reported_and_has_not_drifted(site: Site, made: Make) -> None:
    vm = made(scsi0="local-lvm:vm-5001-disk-0,iops_wr=500,mbps_rd=100,size=30G")
    size = facts(live(vm.service_id))["system_disk.size"]
    assert (size.real, size.package, size.same, size.drift) == (30, 20, False, False)


def test_a_limit_of_the_template_is_left_alone_until_it_was_ours(site: Site, made: Make) -> None:
    vm = made(scsi0="local-lvm:vm-5001-disk-0,iops_wr=500,mbps_rd=100,mbps_wr=70,size=20G")
    assert live(vm.service_id).drift == ()
    Service.update(options={"system_disk_mbps_wr": 0}).where(Service.id == vm.service_id).execute()
    assert [each.name for each in live(vm.service_id).drift] == ["system_disk.mbps_wr"]


def test_what_waits_for_the_next_start_is_pending_and_no_drift(site: Site, made: Make) -> None:
    vm = made()
    cluster = site.walker.servers.cluster(site.server)
    Service.update(options={"cores": 4, "memory": 4096}).where(Service.id == vm.service_id).execute()
    guest = Guest(cluster, VMID, Mark(site.walker.contexts.instance, vm.uid))
    with site.walker.servers.recording(SilentRecorder()):
        guest.set_config({"cores": 4, "memory": 4096})
    seen = facts(view := live(vm.service_id))
    assert view.drift == ()
    for name, (real, planned) in {"cores": (2, 4), "memory": (2048, 4096)}.items():
        assert (seen[name].real, seen[name].planned, seen[name].pending) == (real, planned, True)
        assert not seen[name].same


def test_a_guest_of_somebody_else_is_not_shown_and_it_says_whose_it_seems(site: Site, made: Make) -> None:
    vm = made(
        description="kvmtui instance=11111111-1111-4111-8111-111111111111 vm="
        + "2" * 8
        + "-2222" * 3
        + "-"
        + "2" * 12
    )
    view = live(vm.service_id)
    assert (view.looked.state, view.looked.owner, view.beside, view.usage) == (
        "foreign",
        "foreign",
        None,
        None,
    )
    assert "another installation" in view.looked.sentence and "vm-one" in view.looked.sentence
    site.lab.foreign_config(VMID, description="by hand")
    assert "made by hand or by another tool" in live(vm.service_id).looked.sentence


def test_a_copy_with_our_mark_is_another_vm(site: Site, made: Make) -> None:
    vm = made(smbios1="uuid=99999999-9999-4999-8999-999999999999")
    assert live(vm.service_id).looked.state == "foreign"


def test_a_clone_under_way_is_not_taken_for_a_foreign_guest(site: Site, made: Make) -> None:
    vm = made(description=None, lock="clone")
    view = live(vm.service_id)
    assert view.looked.state == "unmade" and "still making" in view.looked.sentence


def test_a_vm_that_moved_is_found(site: Site, made: Make) -> None:
    vm = made()
    site.lab.foreign_migrate(VMID, "pve3")
    assert live(vm.service_id).looked.node == "pve3"


def test_a_vm_that_is_gone_is_a_sentence(site: Site, made: Make) -> None:
    vm = made()
    site.lab.foreign_delete(VMID)
    view = live(vm.service_id)
    assert (view.looked.state, view.looked.owner, view.looked.answered) == ("gone", "nobody", True)
    assert f"VM {VMID} not found on any node" in view.looked.sentence


def test_nothing_is_asked_of_a_paused_server(site: Site, made: Make) -> None:
    vm = made()
    pausing.pause(current_actor("test"), "pve-lab")
    site.lab.requests.clear()
    view = live(vm.service_id)
    assert view.looked.state == "paused" and "paused" in view.looked.sentence
    assert reads(site.lab) == []


def test_nothing_is_asked_of_a_server_that_is_known_not_to_answer(site: Site, made: Make) -> None:
    vm = made()
    Server.update(failures=5, last_error="Connection refused").execute()
    site.lab.requests.clear()
    view = live(vm.service_id)
    assert view.looked.state == "silent" and "Connection refused" in view.looked.sentence
    assert reads(site.lab) == []


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (InjectedFault(kind="status", path="pending", code=595, text="No route to host", count=0), "silent"),
        (InjectedFault(kind="cut", path="status/current", count=0), "silent"),
        (
            InjectedFault(kind="status", path="pending", code=403, text="Permission check failed", count=0),
            "refused",
        ),
        (
            InjectedFault(kind="status", path="pending", code=401, text="Authentication failed!", count=0),
            "refused",
        ),
    ],
    ids=["no route", "cut", "no right", "bad token"],
)
def test_a_cluster_that_says_no_is_a_state(site: Site, made: Make, fault: InjectedFault, state: str) -> None:
    vm = made()
    site.lab.faults.add(fault)
    view = live(vm.service_id)
    assert view.looked.state == state and view.looked.sentence.endswith(".")
    assert view.looked.api_ms is None and not view.looked.answered


def test_a_server_without_a_login_is_a_state(site: Site, made: Make) -> None:
    vm = made()
    Server.update(token_id="", token_secret="").execute()
    assert live(vm.service_id).looked.state == "refused"


def test_before_the_clone_and_after_the_end_there_is_nothing_to_see(site: Site) -> None:
    vm = site.service()
    assert live(vm.service_id).looked.state == "unmade"
    Vm.update(vm_status="remove", vmid=VMID, node="pve1").execute()
    assert "removed" in live(vm.service_id).looked.sentence
    with pytest.raises(Refused):
        live(vm.service_id + 1)


def test_traffic_between_two_readings_is_shown_and_a_restart_is_no_rate(site: Site, made: Make) -> None:
    vm = made()
    lookout = LiveReader(vm.service_id)
    try:
        assert lookout.look().flow is None
        site.lab.advance(60)
        flow = lookout.look().flow
        assert flow is not None and flow.net_in > 0 and flow.disk_written > 0
        site.lab.foreign_power(VMID, "stopped")
        assert lookout.look().flow is None
    finally:
        lookout.close()


def test_what_was_deployed_has_not_drifted_and_applying_the_package_heals_what_has(site: Site) -> None:
    vm = site.walk(site.service())
    assert live(vm.service_id).drift == ()
    net = str(site.guest(vm).config["net0"])
    site.lab.foreign_config(vm.vmid, cores=1, net0=net.replace("bridge=vmbr0", "bridge=vmbr1"))
    assert [each.name for each in live(vm.service_id).drift] == ["cores", "network.bridge"]
    packages.change_package(current_actor("test"), vm.service_id)
    site.walk(vm)
    assert live(vm.service_id).drift == ()
