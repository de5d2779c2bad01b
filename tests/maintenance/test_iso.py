"""ISO images: a hot change of discs in a drive that is there, and the truth about one that is not there yet."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.actions import maintenance
from engine.queries.live import live
from engine.queries.maintenance import iso_images
from engine.store.models import Run, Vm
from tests.maintenance.conftest import ME, PLAN, last
from tests.pipelines.conftest import Site

Done = Callable[[Vm], Run]
ISO = "iso:iso/Debian-12.5.0-amd64-netinst.iso"


@pytest.fixture
def bare(site: Site) -> Vm:
    """A running VM without a CD drive."""
    return site.walk(site.service(site.product(**PLAN, cd_drive=False), status="Active"))


def in_drive(site: Site, vm: Vm) -> list[str]:
    """The discs the running guest sees."""
    config = site.lab.world.roster[vm.vmid].config
    return [
        value for value in config.values() if "media=cdrom" in str(value) and "cloudinit" not in str(value)
    ]


def states(vm: Vm) -> dict[str, tuple[bool, bool]]:
    return {
        one.iso: (one.mounted, one.pending) for one in iso_images(vm.service_id) if one.mounted or one.pending
    }


def test_a_deploy_leaves_an_empty_drive_unless_the_product_says_no(site: Site, vm: Vm, bare: Vm) -> None:
    assert in_drive(site, vm) == ["none,media=cdrom"] and in_drive(site, bare) == []


def test_a_disc_in_a_drive_that_is_there_is_changed_while_the_vm_runs(site: Site, vm: Vm, done: Done) -> None:
    maintenance.mount_iso(ME, vm.service_id, ISO)
    done(vm)
    assert in_drive(site, vm)[0].startswith(ISO) and states(vm) == {ISO: (True, False)}
    assert site.notes(vm) == [] and live(vm.service_id).pending == ()
    maintenance.eject_iso(ME, vm.service_id)
    done(vm)
    assert in_drive(site, vm) == ["none,media=cdrom"]


def test_a_drive_that_comes_with_the_next_start_is_reported_as_pending(
    site: Site, bare: Vm, done: Done
) -> None:
    maintenance.mount_iso(ME, bare.service_id, ISO)
    done(bare)
    assert in_drive(site, bare) == [] and states(bare) == {ISO: (False, True)}
    assert any(
        note.startswith(f"pending: {ISO} is in the CD drive after the next start")
        for note in site.notes(bare)
    )
    assert f"`kvmtui vm reboot {bare.service_id}` restarts the VM" in site.notes(bare)
    seen = live(bare.service_id)
    assert seen.standing is not None and (seen.standing.iso, seen.standing.iso_pending) == ("", ISO)
    assert [change.key for change in seen.pending] == ["boot", "ide0"]
    maintenance.mount_iso(ME, bare.service_id, ISO)
    done(bare)
    assert any("pending" in note for note in site.notes(bare))  # asked again, it is still not a success


def test_a_restart_that_was_asked_for_brings_the_drive(site: Site, bare: Vm, done: Done) -> None:
    maintenance.mount_iso(ME, bare.service_id, ISO, restart=True)
    done(bare)
    assert in_drive(site, bare)[0].startswith(ISO) and site.notes(bare) == []
    reboots = [path for _, path in site.changing() if path.endswith("/reboot")]
    assert len(reboots) == 1 and site.guest(bare).status == "running"


def test_no_restart_where_the_disc_is_changed_at_once(site: Site, vm: Vm, done: Done) -> None:
    maintenance.mount_iso(ME, vm.service_id, ISO, restart=True)
    done(vm)
    assert not [path for _, path in site.changing() if path.endswith("/reboot")]


def test_a_restart_that_fails_is_a_failure_and_not_a_second_restart(site: Site, bare: Vm) -> None:
    site.lab.world.roster[bare.vmid].deaf = True
    maintenance.mount_iso(ME, bare.service_id, ISO, restart=True)
    site.hurry(bare)
    assert last(bare).result == "error" and "powerdown failed" in last(bare).error


def test_a_change_of_package_adds_the_drive_that_is_missing(site: Site, bare: Vm) -> None:
    product = bare.service.product
    product.spec = {**product.spec, "cd_drive": True}
    product.save()
    site.ask(bare, "ChangePackage")
    site.walk(bare)
    assert in_drive(site, bare) == ["none,media=cdrom"]
    assert "an empty CD drive is added (ide0)" in site.notes(bare)


def test_a_network_model_that_waits_for_the_next_start_is_reported(site: Site, vm: Vm) -> None:
    site.lab.foreign_config(vm.vmid, hotplug="0")
    site.lab.world.roster[vm.vmid].pending["cores"] = 7
    site.ask(vm, "Set Network")
    site.walk(vm)
    assert "pending: cores: 2 now, 7 after the next start" in site.notes(vm)


def test_a_start_of_a_vm_that_runs_says_what_waits(site: Site, vm: Vm) -> None:
    site.lab.world.roster[vm.vmid].pending["memory"] = 4096
    site.ask(vm, "Start")
    site.walk(vm)
    assert "pending: memory: 2048 now, 4096 after the next start" in site.notes(vm)
