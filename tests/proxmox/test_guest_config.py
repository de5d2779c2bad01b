"""The config of a guest, its power state, backups and firewall: what is sent, and how the response is read."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import Refused
from engine.proxmox import (
    FaultKind,
    ProxmoxError,
)
from tests.proxmox.guests import answers, the_guest


def test_disks_change_through_a_task_and_the_rest_at_once(serve: Any, connect: Any, world: Any) -> None:
    server = serve(answers(world, world.config()))
    guest = the_guest(connect(server), world)
    assert guest.set_config({"cores": 4}, delete=["nameserver", "searchdomain"]) is None
    assert guest.set_config({"scsi1": "local-lvm:50"}) == world.upid()
    assert guest.set_config({}) is None
    simple, disks = server.changes()
    assert (simple.method, disks.method) == ("PUT", "POST")
    assert simple.params == {"cores": "4", "delete": "nameserver,searchdomain", "digest": world.digest}
    assert disks.params == {"scsi1": "local-lvm:50", "digest": world.digest}


def test_a_network_card_cannot_lose_its_mac(serve: Any, connect: Any, world: Any) -> None:
    server = serve(answers(world, world.config()))
    guest = the_guest(connect(server), world)
    with pytest.raises(Refused, match="BC:24:11:AA:BB:CC"):
        guest.set_config({"net0": "virtio,bridge=vmbr1"})
    card = guest.config().nets["net0"].with_bridge("vmbr1")
    guest.set_config({"net0": card.format()})
    assert server.changes()[0].params["net0"] == "virtio=BC:24:11:AA:BB:CC,bridge=vmbr1,firewall=1"


def test_a_resize_is_absolute_and_may_be_done_at_once(serve: Any, connect: Any, world: Any) -> None:
    server = serve(answers(world, world.config(), resize=None))
    assert the_guest(connect(server), world).resize("scsi0", 40) is None  # 7.4
    assert server.changes()[0].params == {"disk": "scsi0", "size": "40G", "digest": world.digest}
    server.answer = answers(world, world.config(), resize=world.upid("resize"))
    assert the_guest(connect(server), world).resize("scsi0", 40) == world.upid("resize")


@pytest.mark.parametrize(
    ("memory", "mib"), [("4096", 4096), (4096, 4096), ("current=4096", 4096), (None, 512)]
)
def test_memory_is_read_from_every_version(
    serve: Any, connect: Any, world: Any, memory: Any, mib: int
) -> None:
    server = serve(answers(world, world.config(memory=memory)))
    assert the_guest(connect(server), world).config().memory_mib == mib


def test_a_config_is_read_with_types(serve: Any, connect: Any, world: Any) -> None:
    config = the_guest(
        connect(serve(answers(world, world.config(unused0="local-lvm:vm-100-disk-9")))), world
    ).config()
    assert config.system_disk == "scsi0"
    assert config.cloudinit_drive == "ide2"
    assert config.cd_drive is None
    assert config.unused == {"unused0": "local-lvm:vm-100-disk-9"}
    assert list(config.drives) == ["scsi0", "ide2"]
    assert config.smbios_uuid == world.smbios
    assert config.agent.enabled
    assert config.mark == world.mark


def test_an_iso_goes_into_the_cd_drive_and_out_again(serve: Any, connect: Any, world: Any) -> None:
    server = serve(answers(world, world.config()))
    guest = the_guest(connect(server), world)
    guest.mount_iso("local:iso/debian.iso")
    assert server.changes()[-1].params["ide0"] == "local:iso/debian.iso,media=cdrom"  # ide2 is cloud-init's
    assert guest.eject_iso() is None
    server.answer = answers(world, world.config(ide0="local:iso/debian.iso,media=cdrom,size=600M"))
    guest.eject_iso()
    assert server.changes()[-1].params["ide0"] == "none,media=cdrom"
    with pytest.raises(Refused):
        guest.mount_iso("local:iso/a.iso,media=disk")
    assert len(server.changes()) == 2


@pytest.mark.parametrize(
    ("version", "overrules"), [("7.4-3", False), ("8.1.4", False), ("8.2.2", True), ("9.0.10", True)]
)
def test_stop_ends_a_waiting_shutdown_where_proxmox_can(
    serve: Any, connect: Any, world: Any, version: str, overrules: bool
) -> None:
    server = serve(answers(world, world.config(), version={"version": version}))
    cluster = connect(server)
    the_guest(cluster, world).stop()
    the_guest(cluster, world).stop()
    assert [("overrule-shutdown" in seen.params) for seen in server.changes()] == [overrules] * 2
    assert [seen.path for seen in server.seen].count("/version") == 1


def test_a_backup_that_proxmox_skipped_is_not_a_task(serve: Any, connect: Any, world: Any) -> None:
    server = serve(answers(world, world.config(), vzdump="OK"))
    with pytest.raises(ProxmoxError, match="on another node") as caught:
        the_guest(connect(server), world).backup("backups", "a\\b\n{{x}}")
    assert caught.value.kind is FaultKind.GONE
    assert server.changes()[0].params["notes-template"] == "a\\\\b\\n{ {x}}"


def test_a_restore_keeps_the_description_and_the_mark(serve: Any, connect: Any, world: Any) -> None:
    server = serve(answers(world, world.config()))
    the_guest(connect(server), world).restore("backups:backup/x.vma.zst")
    assert server.changes()[0].params["description"] == f"{world.mark.line}\nkept by hand"
    assert server.changes()[0].params["force"] == "1"


@pytest.mark.parametrize(
    ("there", "wanted", "sent"),
    [
        ([{"cidr": "192.0.2.5"}], ["192.0.2.5/32"], []),
        ([{"cidr": "192.0.2.5"}], ["192.0.2.6"], ["POST 192.0.2.6", "DELETE 192.0.2.5"]),
        ([], ["192.0.2.5", "2001:DB8::5"], ["POST 192.0.2.5", "POST 2001:db8::5"]),
        ([{"cidr": "192.0.2.5", "nomatch": 1}], ["192.0.2.5"], ["DELETE 192.0.2.5", "POST 192.0.2.5"]),
        ([{"cidr": "192.0.2.0/24"}], [], ["DELETE 192.0.2.0/24"]),
    ],
)
def test_an_ip_set_ends_up_with_exactly_these(
    serve: Any, connect: Any, world: Any, there: list[Any], wanted: list[str], sent: list[str]
) -> None:
    server = serve(answers(world, world.config(), **{"ipset__ipfilter-net0": there}))
    inner = server.answer
    server.answer = lambda seen: world.reply() if seen.changing else inner(seen)
    assert the_guest(connect(server), world).firewall.ensure_ipset("ipfilter-net0", wanted) == bool(sent)
    prefix = "/nodes/pve1/qemu/100/firewall/ipset/ipfilter-net0/"
    reported = [
        f"{seen.method} {seen.params.get('cidr') or seen.path.removeprefix(prefix)}"
        for seen in server.changes()
    ]
    assert reported == sent


def test_a_missing_ip_set_is_made_even_when_another_hand_is_faster(
    serve: Any, connect: Any, world: Any
) -> None:
    missing = world.reply(status=500, reason="no such IPSet 'ipfilter-net0'")
    exists = world.reply(
        status=400, reason="Parameter verification failed.", errors={"name": "IPSet 'x' already exists"}
    )

    def answer(seen: Any) -> Any:
        if seen.path.endswith("/ipset"):
            return exists
        if seen.path.endswith("/ipset/ipfilter-net0"):
            return world.reply() if seen.changing else missing
        return world.reply(world.config())

    server = serve(answer)
    guest = the_guest(connect(server), world)
    assert guest.firewall.ipset("ipfilter-net0") is None
    assert guest.firewall.ensure_ipset("ipfilter-net0", ["192.0.2.5"])
    assert [seen.params for seen in server.changes()] == [{"name": "ipfilter-net0"}, {"cidr": "192.0.2.5"}]
