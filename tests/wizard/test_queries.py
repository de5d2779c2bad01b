"""What the first steps ask: how far a site is, what a cluster offers, and the commands that grant rights."""

from __future__ import annotations

import shlex
import socket
from collections.abc import Iterator

import pytest

from engine.actions.doctor import CheckView, check_server_named
from engine.errors import KvmtuiError
from engine.queries.dashboard import nothing_yet
from engine.queries.granting import (
    drive_command,
    first_commands,
    grant_commands,
    rights,
    template_commands,
)
from engine.queries.offers import BridgeOffer, certificates, free_range, offers
from engine.queries.setup import FirstVm, SetUp, set_up
from engine.store.models import Client, Product, Server, Service, Vm
from kvmtui.lab import Lab
from tests.conftest import Store
from tests.screens.wizard_site import add_pool, add_product, add_server, lab

__all__ = ["lab"]


@pytest.fixture(scope="module")
def still_lab() -> Iterator[Lab]:
    """A cluster nobody changes."""
    with Lab(speed=200) as one:
        yield one


def test_an_empty_site_has_nothing_yet(store: Store) -> None:
    assert nothing_yet()
    assert set_up() == SetUp()


def test_how_far_a_site_is_comes_from_its_rows(store: Store, still_lab: Lab) -> None:
    add_server(still_lab)
    Server.create(uid="u2", name="another", hosts=["192.0.2.9"], token_id="a@pve!b")
    add_pool()
    add_product()
    assert not nothing_yet()
    found = set_up()
    assert (found.server, found.login, found.products, found.vm) == (
        "pve-lab", still_lab.token_id, ("VPS-1",), None,
    )  # fmt: skip
    assert [pool.free for pool in found.pools] == [11] and not found.answered
    client = Client.create(name="Acme", created_at=1)
    service = Service.create(client=client, product=Product.get(), status="Pending", created_at=1)
    assert set_up().vm == FirstVm(service.id)
    Vm.create(
        uid="v", service=service, server=Server.get(), name="vps-1", vm_status="clone", error="full", plan={}
    )
    assert set_up().vm == FirstVm(service.id, "vps-1", "clone", "full")


def test_a_cluster_says_what_it_offers(sqlite_store: Store, still_lab: Lab) -> None:
    add_server(still_lab)
    found = offers("pve-lab")
    templates = {each.vmid: each for each in found.templates}
    assert list(templates) == [9000, 9001, 9002, 9003, 9010] and found.more_templates == 0
    assert (templates[9010].storage, templates[9002].gib) == ("ceph", 1)
    assert all(each.cloudinit and each.agent for each in templates.values())
    assert {each.name for each in found.storing("images")} == {"ceph", "local-lvm"}
    assert found.bridges[0].network == "192.0.2.0/24" and found.errors == ()
    assert {9000, 9010} <= found.vmids


def test_what_a_login_may_not_read_is_a_sentence_beside_the_rest(sqlite_store: Store, lab: Lab) -> None:
    add_server(lab)
    lab.revoke("VM.Audit", "/vms")
    assert offers("pve-lab").templates == ()
    lab.offline("pve2")
    assert all("pve2" not in bridge.nodes for bridge in offers("pve-lab").bridges)


def test_a_cluster_that_is_gone_is_one_sentence(sqlite_store: Store, still_lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    add_server(still_lab, port=port)
    with pytest.raises(KvmtuiError, match="pve-lab"):
        offers("pve-lab")
    (shown,) = certificates(["127.0.0.1"], port)
    assert shown.fingerprint == "" and shown.error.startswith(
        f"127.0.0.1 port {port} does not answer over TLS"
    )


def test_a_host_shows_its_certificate_to_anybody(still_lab: Lab) -> None:
    assert [each.fingerprint for each in certificates([still_lab.host], still_lab.port)] == [
        still_lab.fingerprint
    ]


@pytest.mark.parametrize(
    ("network", "gateway", "taken", "expected"),
    [
        ("192.0.2.0/24", "192.0.2.1", ("192.0.2.11",), ("192.0.2.1", "192.0.2.12", "192.0.2.254")),
        ("192.0.2.0/24", "192.0.2.254", ("192.0.2.250",), ("192.0.2.254", "192.0.2.1", "192.0.2.249")),
        ("192.0.2.0/24", "", (), ("192.0.2.1", "192.0.2.2", "192.0.2.254")),
        ("192.0.2.0/24", "198.51.100.1", (), ("198.51.100.1", "192.0.2.1", "192.0.2.254")),
        ("192.0.2.0/29", "192.0.2.1", ("192.0.2.4",), ("192.0.2.1", "192.0.2.2", "192.0.2.3")),
        ("192.0.2.0/30", "192.0.2.1", (), None),
        ("", "", (), None),
    ],
)
def test_the_longest_free_stretch_of_a_bridge(
    network: str, gateway: str, taken: tuple[str, ...], expected: tuple[str, str, str] | None
) -> None:
    found = free_range(BridgeOffer("vmbr0", ("pve1",), network, gateway, taken))
    assert (found and (found.gateway, found.start, found.stop)) == expected


def test_only_what_a_check_missed_is_granted(sqlite_store: Store, lab: Lab) -> None:
    add_server(lab)
    assert grant_commands(check_server_named("pve-lab")) == []
    lab.revoke("VM.Clone", "/vms")
    lab.revoke("Sys.Audit", "/")
    checks = check_server_named("pve-lab")
    assert {each.privilege for each in rights(checks) if each.result == "fail"} >= {"VM.Clone", "Sys.Audit"}
    commands = grant_commands(checks)
    assert commands == [
        'pveum role add KvmtuiNode 2>/dev/null; pveum role modify KvmtuiNode --append 1 --privs "Sys.Audit"',
        'pveum role add KvmtuiTemplate 2>/dev/null; pveum role modify KvmtuiTemplate --append 1 --privs "VM.Clone"',
        f"pveum acl modify / --roles KvmtuiNode --users 'kvmtui@pve' --tokens '{lab.token_id}'",
        f"pveum acl modify /vms --roles KvmtuiTemplate --users 'kvmtui@pve' --tokens '{lab.token_id}'",
    ]
    assert grant_commands([CheckView("server", "version", "fail", "Too old.", "update")]) == []


def test_the_first_commands_make_token_roles_and_grants_of_all_a_check_asks(
    sqlite_store: Store, still_lab: Lab
) -> None:
    add_server(still_lab)
    words = "\n".join(first_commands("ops@pve!desk"))
    assert "pveum user add ops@pve " in words and "pveum user token add ops@pve desk --privsep 1" in words
    assert words.count("--tokens 'ops@pve!desk'") == 5
    for each in rights(check_server_named("pve-lab")):
        assert each.privilege in words
    assert "pveum user" not in "\n".join(first_commands("root@pam"))


def test_what_a_cluster_calls_its_storages_cannot_run_in_a_shell() -> None:
    hostile = "x; reboot"
    for command in (*template_commands(9000, hostile, hostile), drive_command(9000, hostile)):
        assert "reboot" not in [word for word in shlex.split(command, comments=True) if word == "reboot"]
        assert "; reboot" not in command.replace("'x; reboot'", "")
    assert drive_command(9000, "") == "qm set 9000 --ide2 STORAGE:cloudinit"
