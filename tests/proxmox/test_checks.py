"""`check_server` against the simulated cluster: what is well, what is not, and the command that makes it well."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.proxmox import Cluster, ServerAccess, ServerTls
from engine.proxmox.checks import CheckResult, ProductNeeds, ServerCheck, check_server
from engine.proxmox.privileges import PRIVILEGES, grants, role_privileges
from engine.proxmox.wire import fetch_fingerprint
from kvmtui.lab import Lab

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "proxmox-role.md"
SHOP = ProductNeeds(
    templates=("9000", "debian-12-cloud-ceph"),
    storages=("local-lvm", "ceph"),
    backup_storages=("backup",),
    iso_storages=("iso",),
    bridges=("vmbr0",),
    first_vmids=(2000, 100),
)


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(paused=True) as lab:
        yield lab


def access(lab: Lab) -> ServerAccess:
    return ServerAccess(
        "lab",
        (lab.host,),
        port=lab.port,
        token_id=lab.token_id,
        token_secret=lab.token_secret,
        tls=ServerTls.fingerprint(lab.fingerprint),
    )


@pytest.fixture
def check(lab: Lab) -> Iterator[Callable[..., dict[str, ServerCheck]]]:
    clusters: list[Cluster] = []

    def run(wanted: ProductNeeds = SHOP, **changes: Any) -> dict[str, ServerCheck]:
        clusters.append(Cluster(replace(access(lab), **changes)))
        return {found.name: found for found in check_server(clusters[-1], wanted)}

    yield run
    for cluster in clusters:
        cluster.close()


def not_well(checks: dict[str, ServerCheck]) -> dict[str, CheckResult]:
    return {name: found.result for name, found in checks.items() if found.result is not CheckResult.OK}


def test_a_good_server_is_well_all_over(check: Any, lab: Lab) -> None:
    checks = check()
    apart = {name: result for name, result in not_well(checks).items() if not name.startswith("clock")}
    assert apart == {}
    assert lab.fingerprint in checks["tls 127.0.0.1"].sentence
    assert checks["vmid range 100"].sentence == "VMID 100 is taken; the next free number is used."
    names = set(checks)
    assert {"login", "version", "node pve2", "storage ceph", "bridge vmbr0", "cluster firewall"} <= names
    assert "privilege SDN.Use on /sdn/zones/localnetwork/vmbr0" in names


def test_checking_changes_nothing(check: Any, lab: Lab) -> None:
    check()
    assert {method for method, _path, _status in lab.requests.entries} == {"GET"}


@pytest.mark.parametrize(
    ("privilege", "path", "result"),
    [
        ("VM.Migrate", "/vms", CheckResult.FAIL),
        ("Datastore.AllocateSpace", "/storage/backup", CheckResult.FAIL),
        ("VM.GuestAgent.Unrestricted", "/vms", CheckResult.WARN),
    ],
)
def test_a_missing_privilege_comes_with_the_command_that_grants_it(
    check: Any, lab: Lab, privilege: str, path: str, result: CheckResult
) -> None:
    lab.revoke(privilege, path)
    found = check()[f"privilege {privilege} on {path}"]
    assert found.result is result
    assert f"lacks {privilege} on {path}" in found.sentence
    assert f"--append 1 --privs {privilege} && pveum acl modify {path} --roles Kvmtui" in found.fix
    assert f"--users 'kvmtui@pve' --tokens '{lab.token_id}'" in found.fix


def test_what_the_products_name_and_the_cluster_lacks_is_reported(check: Any, lab: Lab) -> None:
    lab.offline("pve3")
    lab.foreign_config(9000, ide2=None)
    lab.foreign_config(9001, agent="0")
    wanted = ProductNeeds(
        templates=("9000", "9001", "nothing", "100"),
        storages=("nowhere", "iso"),
        bridges=("vmbr9",),
        first_vmids=(5,),
    )
    found = not_well(check(wanted))
    assert found["template 9000"] is CheckResult.FAIL
    assert found["template 9001"] is CheckResult.WARN
    assert found["template nothing"] is found["template 100"] is CheckResult.FAIL
    assert found["storage nowhere"] is found["storage iso"] is CheckResult.FAIL
    assert found["bridge vmbr9"] is CheckResult.FAIL
    assert found["vmid range 5"] is CheckResult.FAIL
    assert found["node pve3"] is CheckResult.WARN


def test_the_cluster_firewall_must_be_on_for_anti_spoofing(check: Any, lab: Lab) -> None:
    lab.world.firewall_config("cluster")["options"] = {"enable": 0}
    assert check()["cluster firewall"].result is CheckResult.WARN
    assert "cluster firewall" not in check(replace(SHOP, anti_spoofing=False))


def test_a_wrong_login_ends_the_questions() -> None:
    with Lab(speed=100) as lab:  # a wrong token is answered late, in the lab's time
        cluster = Cluster(replace(access(lab), token_secret="00000000-0000-0000-0000-000000000000"))
        checks = {found.name: found for found in check_server(cluster)}
        cluster.close()
    assert checks["login"].result is CheckResult.FAIL
    assert "answered 401" in checks["login"].sentence
    assert "nodes" not in checks


def test_a_wrong_pin_shows_the_one_to_compare(check: Any, lab: Lab) -> None:
    checks = check(tls=ServerTls.fingerprint("AB" * 32))
    assert checks["tls 127.0.0.1"].result is CheckResult.FAIL
    assert lab.fingerprint in checks["tls 127.0.0.1"].fix
    assert check(tls=ServerTls.insecure())["tls 127.0.0.1"].result is CheckResult.WARN


def test_a_dead_host_fails_and_the_other_is_used(check: Any, lab: Lab) -> None:
    checks = check(hosts=("127.0.0.9", "127.0.0.1"))
    assert checks["host 127.0.0.9"].result is CheckResult.FAIL
    assert "Connection refused" in checks["host 127.0.0.9"].sentence
    assert checks["login"].result is CheckResult.OK


def test_the_fingerprint_of_any_server_can_be_fetched(lab: Lab) -> None:
    assert fetch_fingerprint(lab.host, lab.port) == lab.fingerprint
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(OSError):
        fetch_fingerprint("127.0.0.1", port)


@pytest.mark.parametrize("major", [8, 9])
def test_the_document_has_exactly_the_roles_of_the_table(major: int) -> None:
    text = DOCUMENT.read_text()
    part = text[text.index(f"Proxmox VE {major}") :]
    block = part[part.index("```sh") : part.index("```\n", part.index("```sh") + 5)]
    reported = {
        role: privileges.replace("\\\n", " ").split()
        for role, privileges in re.findall(r'pveum role add (\w+) --privs "([^"]+)"', block)
    }
    roles = dict.fromkeys(item.role for item in PRIVILEGES if major in item.versions)
    assert reported == {role: [item.name for item in role_privileges(role, major)] for role in roles}
    assert all(f"| `{item.name}` | {item.role} |" in text for item in PRIVILEGES)


def test_each_version_asks_for_its_own_privileges() -> None:
    names = {
        major: {grant.privilege.name for grant in grants(major, bridges=["vmbr0"])} for major in (7, 8, 9)
    }
    assert "VM.Monitor" in names[8] - names[9]
    assert "VM.GuestAgent.Unrestricted" in names[9] - names[8]
    assert "SDN.Use" in names[8] - names[7]
