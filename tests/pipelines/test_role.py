"""Every pipeline with exactly the role of docs/proxmox-role.md, and without each of its privileges in turn.

The role is read from the page, so that the page and the test cannot differ. A run has one version of Proxmox VE, chosen
by its seed; `make soak` has both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.actions import maintenance
from engine.audit import Actor
from engine.pipelines.steps import facts
from engine.proxmox import Guest, GuestView, Mark, ProxmoxError, SilentRecorder
from engine.running import instance
from engine.store.models import Run, Vm
from kvmtui.lab import Lab
from tests import seeds
from tests.conftest import Store
from tests.pipelines.conftest import Site, make_site

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "proxmox-role.md").read_text()
ROLES = re.compile(r'pveum role add (\w+) --privs "([^"]+)"')
GRANTS = re.compile(r"pveum acl modify (\S+) --roles (\w+)")
# what the lab's products use under names of its own
PLACES = {"/storage/local-lvm": ("local-lvm", "ceph"), "/vms/9000": ("9000", "9001")}
ME = Actor("tester", "", "cli")
PLAN: dict[str, Any] = {"snapshots": 2, "backups": 2, "backup_storage": "backup", "iso_storage": "iso"}


COMMAND = re.compile(
    r"pveum role modify (?P<role>\w+) --append 1 --privs (?P<privilege>\S+) && "
    r"pveum acl modify (?P<path>\S+) --roles (?P<granted>\w+)"
)


def roles_of(major: int) -> list[tuple[str, str]]:
    """Every (role, privilege) of the page for a version of Proxmox VE."""
    part = DOCUMENT[DOCUMENT.index(f"Proxmox VE {major}") :]
    block = part[part.index("```sh") : part.index("```\n", part.index("```sh") + 5)]
    return [
        (role, name) for role, names in ROLES.findall(block) for name in names.replace("\\\n", " ").split()
    ]


def documented(major: int) -> list[tuple[str, str]]:
    """Every (privilege, path) that the page grants for a version of Proxmox VE."""
    section = DOCUMENT[DOCUMENT.index("## 3.") : DOCUMENT.index("Only if a template")]
    given = [
        (name, path)
        for path, role in GRANTS.findall(section)
        for held, name in roles_of(major)
        if held == role
    ]
    assert given, "the page grants nothing"
    return given


def restrict(lab: Lab, given: list[tuple[str, str]]) -> None:
    """The token may do this and nothing else."""
    lab.world.access.strip(lab.token_id)
    for name, path in given:
        parent, _, last = path.rpartition("/")
        for place in PLACES.get(path, (last,)):
            lab.grant(name, f"{parent}/{place}")


@pytest.fixture(params=seeds.one_of("roles", [8, 9]))
def major(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def site(sqlite_store: Store, major: int) -> Iterator[Site]:
    """A site whose token has exactly the documented role."""
    with Lab(nodes=3, speed=200.0, version=str(major)) as lab:
        restrict(lab, documented(major))
        yield from make_site(lab)


def deployed(site: Site) -> Vm:
    return site.walk(site.service(site.product(**PLAN)))


def outcome(site: Site, vm: Vm) -> Run:
    """The run that was just requested, once it has ended."""
    facts.forget()
    site.walk(vm)
    return Run.select().where(Run.vm == vm.id).order_by(Run.id.desc()).first()


def snapshot(site: Site, vm: Vm) -> Run:
    maintenance.create_snapshot(ME, vm.service_id, "before")
    return outcome(site, vm)


def roll_back(site: Site, vm: Vm) -> Run:
    snapshot(site, vm)
    maintenance.roll_back(ME, vm.service_id, "before")
    return outcome(site, vm)


def back_up(site: Site, vm: Vm) -> Run:
    maintenance.create_backup(ME, vm.service_id)
    return outcome(site, vm)


def restore(site: Site, vm: Vm) -> Run:
    back_up(site, vm)
    (made,) = site.backups(vm)
    maintenance.restore(ME, vm.service_id, made)
    return outcome(site, vm)


def mount(site: Site, vm: Vm) -> Run:
    maintenance.mount_iso(ME, vm.service_id, "iso:iso/myfile.iso")
    return outcome(site, vm)


def eject(site: Site, vm: Vm) -> Run:
    mount(site, vm)
    maintenance.eject_iso(ME, vm.service_id)
    return outcome(site, vm)


def password(site: Site, vm: Vm) -> Run:
    maintenance.reset_password(ME, vm.service_id)
    return outcome(site, vm)


def asked(pipeline: str) -> Any:
    def ask(site: Site, vm: Vm) -> Run:
        site.ask(vm, pipeline)
        return outcome(site, vm)

    return ask


def change(site: Site, vm: Vm) -> Run:
    product = vm.service.product
    product.spec = {
        **product.spec,
        "memory": 4096,
        "cores": 4,
        "system_disk": {"storage": "local-lvm", "size": 30},
    }
    product.save()
    site.ask(vm, "ChangePackage")
    return outcome(site, vm)


JOURNEYS = {
    "snapshot": snapshot,
    "rollback": roll_back,
    "backup": back_up,
    "restore": restore,
    "mount": mount,
    "eject": eject,
    "password": password,
    "change": change,
    "suspend": asked("Suspend"),
    "reboot": asked("Reboot"),
    "reinstall": asked("Reinstall"),
    "terminate": asked("Terminate"),
}


@pytest.mark.parametrize("journey", JOURNEYS)
def test_the_role_is_enough(site: Site, journey: str) -> None:
    vm = deployed(site)
    assert (vm.vm_status, vm.error) == ("ready", "")
    run = JOURNEYS[journey](site, vm)
    assert (run.result, run.error) == ("success", ""), run.error


def mark(site: Site, vm: Vm) -> ProxmoxError:
    """What adoption, a restore and a rollback do: write the ownership mark."""
    site.lab.foreign_config(vm.vmid, description="")
    cluster = site.walker.servers.cluster(site.server)
    guest = Guest(cluster, vm.vmid, Mark(instance(), vm.uid), smbios_uuid=vm.smbios_uuid)
    with site.walker.servers.recording(SilentRecorder()), pytest.raises(ProxmoxError) as caught:
        guest.stamp()
    return caught.value


def console(site: Site, vm: Vm) -> ProxmoxError:
    cluster = site.walker.servers.cluster(site.server)
    with pytest.raises(ProxmoxError) as caught:
        GuestView(cluster, vm.vmid).screen_console()
    return caught.value


# every privilege of the page (with its path there), and what cannot be done without it
LACKING = {
    ("VM.Audit", "/vms"): "deploy",
    ("VM.Allocate", "/vms"): "deploy",
    ("VM.Config.CPU", "/vms"): "deploy",
    ("VM.Config.Memory", "/vms"): "deploy",
    ("VM.Config.Disk", "/vms"): "deploy",
    ("VM.Config.Network", "/vms"): "deploy",
    ("VM.Config.Options", "/vms"): "mark",
    ("VM.PowerMgmt", "/vms"): "deploy",
    ("VM.Migrate", "/vms"): "deploy",
    ("VM.Config.CDROM", "/vms"): "mount",
    ("VM.Snapshot", "/vms"): "snapshot",
    ("VM.Backup", "/vms"): "backup",
    ("VM.Console", "/vms"): "console",
    ("VM.Clone", "/vms/9000"): "deploy",
    ("Datastore.AllocateSpace", "/storage/local-lvm"): "deploy",
    ("Datastore.AllocateSpace", "/storage/backup"): "backup",
    ("Datastore.Audit", "/storage/iso"): "mount",
    ("Sys.Audit", "/"): "deploy",
    ("SDN.Use", "/sdn/zones/localnetwork/vmbr0"): "deploy",
}
# what works without these: a password by a restart, backups listed by the right to write them
WITHOUT_HARM = {
    ("VM.Monitor", "/vms"): "password",
    ("VM.GuestAgent.Unrestricted", "/vms"): "password",
    ("Datastore.Audit", "/storage/backup"): "backup",
    ("Datastore.Audit", "/storage/local-lvm"): "change",
    ("VM.Config.Cloudinit", "/vms"): "change",  # VM.Config.Network lets a login write these options as well
}
NOT_FOUND = ("VM.Audit", "/vms/9000")  # the template is not seen at all: its own test
THERE = {"mark": mark, "console": console, **JOURNEYS}


def without(major: int, *lacking: tuple[str, str]) -> list[tuple[str, str]]:
    return [given for given in documented(major) if given not in lacking]


@pytest.mark.parametrize("lacking", LACKING, ids=str)
def test_a_missing_privilege_is_named_with_the_command_that_grants_it(
    site: Site, major: int, lacking: tuple[str, str]
) -> None:
    privilege, path = lacking
    if LACKING[lacking] == "deploy":
        restrict(site.lab, without(major, lacking))
        error = deployed(site).error
    else:
        vm = deployed(site)
        restrict(site.lab, without(major, lacking))
        ended = THERE[LACKING[lacking]](site, vm)
        error = ended.sentence if isinstance(ended, ProxmoxError) else ended.error
    assert privilege in error, error
    command = COMMAND.search(error)
    assert command, error
    assert (command["privilege"], command["role"]) == (privilege, command["granted"])
    assert command["path"] == path
    assert f"--users 'kvmtui@pve' --tokens '{site.lab.token_id}'" in error
    site.lab.grant(privilege, path)
    assert (command["role"], privilege) in roles_of(major)


@pytest.mark.parametrize("lacking", WITHOUT_HARM, ids=str)
def test_what_kvmtui_works_around(site: Site, major: int, lacking: tuple[str, str]) -> None:
    vm = deployed(site)
    restrict(site.lab, without(major, lacking))
    run = JOURNEYS[WITHOUT_HARM[lacking]](site, vm)
    assert (run.result, run.error) == ("success", ""), run.error


def test_a_template_that_the_login_cannot_see(site: Site, major: int) -> None:
    restrict(site.lab, without(major, NOT_FOUND, ("VM.Audit", "/vms")))
    error = deployed(site).error
    assert "template 9000 is not on server pve-lab, or the login lacks VM.Audit on it" in error
    assert "kvmtui doctor pve-lab" in error


@pytest.mark.parametrize("version", [8, 9])
def test_each_privilege_of_the_page_is_tried(version: int) -> None:
    assert set(documented(version)) - {NOT_FOUND} <= {*LACKING, *WITHOUT_HARM}
    assert {*LACKING, *WITHOUT_HARM} <= {*documented(8), *documented(9)}
