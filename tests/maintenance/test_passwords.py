"""A new password, by guest agent or cloud-init: it reaches the guest, is shown once, and is never stored in clear."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest

from engine.actions import maintenance
from engine.pipelines.steps.crypt import sha512_crypt
from engine.queries.login import login
from engine.store import secrets
from engine.store.models import TABLES, Audit, Run, Service, Vm
from kvmtui.lab.faults import InjectedFault
from tests.maintenance.conftest import ME, last
from tests.pipelines.conftest import Site

Done = Callable[[Vm], Run]


@pytest.fixture
def nowhere(vm: Vm, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Afterwards neither the database nor the log holds the password in clear."""
    caplog.set_level(logging.DEBUG)
    yield
    clear = password_of(vm)
    assert len(clear) >= 12 and clear not in caplog.text
    for table in TABLES:
        assert clear not in str(list(table.select().dicts())), table


def password_of(vm: Vm) -> str:
    row = Vm.get_by_id(vm.id)
    return secrets.unseal(row.os_password, "vm", row.uid, "os_password")


def done_to(site: Site, vm: Vm) -> list[str]:
    return [one.action for one in site.lab.effects if one.vmid == vm.vmid]


@pytest.mark.usefixtures("nowhere")
def test_the_agent_sets_it_while_the_guest_runs(site: Site, vm: Vm, done: Done) -> None:
    site.lab.foreign_config(vm.vmid, agent="1")
    site.lab.advance(20)  # an agent answers some seconds after the start
    before, old = len(done_to(site, vm)), password_of(vm)
    maintenance.reset_password(ME, vm.service_id)
    run = done(vm)
    assert done_to(site, vm)[before:] == ["password", "config"]  # no stop, no start
    asked = site.lab.world.roster[vm.vmid].agent_requests
    assert asked[-1] == ("set-user-password", {"username": vm.os_user, "password": "***"})
    assert password_of(vm) != old and run.action == "ResetPassword"


@pytest.mark.usefixtures("nowhere")
def test_a_change_of_addresses_does_not_bring_the_old_password_back(site: Site, vm: Vm, done: Done) -> None:
    site.lab.foreign_config(vm.vmid, agent="1")
    site.lab.advance(20)
    maintenance.reset_password(ME, vm.service_id)
    done(vm)
    assert any(note.startswith("pending: the cloud-init drive") for note in site.notes(vm))
    Service.update(options={"ipv6": 1}).where(Service.id == vm.service_id).execute()
    site.ask(vm, "ChangePackage")
    done(vm)
    site.ask(vm, "Reboot")
    done(vm)
    written = site.lab.world.roster[vm.vmid].generated  # what cloud-init reads inside the guest
    assert "ip6=2001:db8" in written["ipconfig0"]
    hashed = written["cipassword"]
    assert hashed == sha512_crypt(password_of(vm), hashed.split("$")[2])


@pytest.mark.usefixtures("nowhere")
def test_a_drive_that_may_not_be_written_does_not_undo_the_new_password(
    site: Site, vm: Vm, done: Done
) -> None:
    site.lab.foreign_config(vm.vmid, agent="1")
    site.lab.advance(20)
    site.lab.revoke("VM.Config.Cloudinit")
    site.lab.revoke("VM.Config.Network")  # either of the two lets a token write the options of cloud-init
    maintenance.reset_password(ME, vm.service_id)
    done(vm)
    assert any("may bring it back" in note for note in site.notes(vm))
    assert "password" in done_to(site, vm)


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("power", ["running", "stopped"])
def test_cloud_init_sets_it_at_a_restart(site: Site, vm: Vm, done: Done, power: str) -> None:
    site.lab.foreign_config(vm.vmid, agent="0")
    site.lab.foreign_power(vm.vmid, power)
    old = password_of(vm)
    maintenance.reset_password(ME, vm.service_id)
    done(vm)
    guest, clear = site.guest(vm), password_of(vm)
    hashed = guest.config["cipassword"]
    assert guest.status == "running" and clear != old
    assert hashed == sha512_crypt(clear, hashed.split("$")[2]) and clear not in str(guest.config)
    assert "password" not in done_to(site, vm)


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize(
    ("code", "text", "path"),
    [
        (500, "VM 5000 qga command 'guest-set-user-password' failed - it has been disabled", "set-user-password"),
        (500, "Agent error: Command guest-set-user-password has been disabled", "set-user-password"),
        (403, "Permission check failed (/vms/5000, VM.GuestAgent.Unrestricted)", "agent/ping"),
    ],
)  # fmt: skip
def test_an_agent_that_may_not_leaves_it_to_cloud_init(
    site: Site, vm: Vm, done: Done, code: int, text: str, path: str
) -> None:
    site.lab.foreign_config(vm.vmid, agent="1")
    site.lab.advance(20)
    site.lab.faults.add(InjectedFault(kind="status", method="POST", path=path, code=code, text=text))
    maintenance.reset_password(ME, vm.service_id)
    done(vm)
    hashed = site.guest(vm).config["cipassword"]
    assert hashed == sha512_crypt(password_of(vm), hashed.split("$")[2])
    assert site.guest(vm).status == "running" and "password" not in done_to(site, vm)


def test_who_read_it_is_audited_without_the_password(vm: Vm) -> None:
    user, clear = login(ME, vm.service_id)
    assert (user, clear) == (vm.os_user, password_of(vm))
    row = Audit.select().order_by(Audit.id.desc()).first()
    assert (row.action, row.login) == ("show password", ME.login)
    assert clear not in str(list(Audit.select().dicts()))


@pytest.mark.usefixtures("nowhere")
def test_a_guest_no_password_can_reach_is_not_stopped_for_one(site: Site, vm: Vm) -> None:
    site.lab.foreign_config(vm.vmid, agent="0", ide2=None)
    before = len(done_to(site, vm))
    maintenance.reset_password(ME, vm.service_id)
    site.walk(vm)
    run = last(vm)
    assert run.result == "error" and "no cloud-init drive" in run.error
    assert site.guest(vm).status == "running" and done_to(site, vm)[before:] == []
