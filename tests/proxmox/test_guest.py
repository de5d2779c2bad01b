"""Nothing is done to a guest that is not provably ours, and every change is journalled before it is sent."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from engine.errors import Refused
from engine.proxmox import (
    Cluster,
    FaultKind,
    FirewallRule,
    Guest,
    GuestFirewall,
    GuestView,
    Mark,
    NotOurs,
    ProxmoxError,
)

RULE = FirewallRule(0, "in", "ACCEPT", True, {}, "0123456789abcdef0123456789abcdef01234567")
CHANGES: dict[str, Callable[[Guest], Any]] = {
    "set_config": lambda guest: guest.set_config({"cores": 4}),
    "resize": lambda guest: guest.resize("scsi0", 40),
    "move_disk": lambda guest: guest.move_disk("scsi0", "local", "qcow2"),
    "detach_disk": lambda guest: guest.detach_disk("scsi1"),
    "delete_disk": lambda guest: guest.delete_disk("unused0"),
    "mount_iso": lambda guest: guest.mount_iso("local:iso/debian.iso"),
    "eject_iso": lambda guest: guest.eject_iso(),
    "regenerate_cloudinit": lambda guest: guest.regenerate_cloudinit(),
    "start": lambda guest: guest.start(),
    "stop": lambda guest: guest.stop(),
    "shutdown": lambda guest: guest.shutdown(120, force=True),
    "reboot": lambda guest: guest.reboot(),
    "reset": lambda guest: guest.reset(),
    "migrate": lambda guest: guest.migrate("pve2", "local-lvm"),
    "request_ha_state": lambda guest: guest.request_ha_state("stopped"),
    "destroy": lambda guest: guest.destroy(),
    "create_snapshot": lambda guest: guest.create_snapshot("before", "before the change"),
    "delete_snapshot": lambda guest: guest.delete_snapshot("before"),
    "rollback": lambda guest: guest.rollback("before"),
    "backup": lambda guest: guest.backup("backups", "a\\b\n{{x}}"),
    "restore": lambda guest: guest.restore("backups:backup/vzdump-qemu-100.vma.zst", "local-lvm"),
    "set_user_password": lambda guest: guest.set_user_password("root", "long-enough"),
    "stamp": lambda guest: guest.stamp(),
    "firewall.set_options": lambda guest: guest.firewall.set_options({"enable": 1}, ["ipfilter"]),
    "firewall.ensure_ipset": lambda guest: guest.firewall.ensure_ipset("ipfilter-net0", ["192.0.2.5"]),
    "firewall.remove_ipset": lambda guest: guest.firewall.remove_ipset("ipfilter-net0"),
    "firewall.add_rule": lambda guest: guest.firewall.add_rule({"type": "in", "action": "ACCEPT"}),
    "firewall.change_rule": lambda guest: guest.firewall.change_rule(RULE, {"enable": 0}),
    "firewall.move_rule": lambda guest: guest.firewall.move_rule(RULE, 2),
    "firewall.delete_rule": lambda guest: guest.firewall.delete_rule(RULE),
}
READS = {"prove", "prove_digest", "firewall", "send", "options", "ipset", "rules"}


def answers(world: Any, config: dict[str, Any] | None, **paths: Any) -> Callable[[Any], Any]:
    """A cluster of one guest: its config, `end of path=data` for other reads, and a task for every change."""
    missing = world.reply(
        status=500, reason="Configuration file 'nodes/pve1/qemu-server/100.conf' does not exist"
    )

    def answer(seen: Any) -> Any:
        for end, data in paths.items():
            if seen.path.endswith("/" + end.replace("__", "/")):
                return data if isinstance(data, world.reply) else world.reply(data)
        if seen.method == "GET" and seen.path.endswith("/config"):
            return missing if config is None else world.reply(config)
        if seen.path == "/version":
            return world.reply({"version": "9.0.10"})
        if seen.method == "GET":
            return world.reply([])
        no_task = seen.method == "PUT" or "/firewall/" in seen.path or "/agent/" in seen.path
        return world.reply(None if no_task else world.upid())

    return answer


def the_guest(cluster: Cluster, world: Any, **known: Any) -> Guest:
    return Guest(cluster, 100, world.mark, node="pve1", **known)


def test_the_table_above_names_every_change() -> None:
    def own(cls: type) -> set[str]:
        return {name for name, _ in inspect.getmembers(cls) if not name.startswith("_")}

    here = own(Guest) - own(GuestView) - READS
    here |= {f"firewall.{name}" for name in own(GuestFirewall) - READS}
    assert here == set(CHANGES)


FOREIGN = {
    "no mark": ({"description": "made by hand"}, "made by hand or by another tool"),
    "no description": ({"description": None}, "made by hand or by another tool"),
    "another installation": (
        {
            "description": Mark(
                "99999999-9999-4999-8999-999999999999", "22222222-2222-4222-8222-222222222222"
            ).line
        },
        "another installation of kvmtui (instance 99999999",
    ),
    "another vm of ours": (
        {
            "description": Mark(
                "11111111-1111-4111-8111-111111111111", "99999999-9999-4999-8999-999999999999"
            ).line
        },
        "another VM of this installation (vm 99999999",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("case", FOREIGN)
def test_nothing_is_sent_to_a_foreign_guest(
    serve: Any, connect: Any, world: Any, change: str, case: str
) -> None:
    differs, complaint = FOREIGN[case]
    server = serve(answers(world, world.config(**differs)))
    with pytest.raises(NotOurs) as caught:
        CHANGES[change](the_guest(connect(server), world))
    assert server.changes() == []
    assert complaint in caught.value.sentence
    assert "VMID 100 was not touched" in caught.value.sentence
    assert not caught.value.sent


@pytest.mark.parametrize("change", [name for name in CHANGES if "firewall" in name or "ipset" in name])
def test_a_firewall_call_to_a_guest_that_was_just_replaced_sends_nothing(
    serve: Any, connect: Any, world: Any, change: str
) -> None:
    server = serve(answers(world, world.config()))
    guest = the_guest(connect(server), world)
    guest.prove()
    server.answer = answers(world, world.config(description="of somebody else"))
    with pytest.raises(NotOurs):
        CHANGES[change](guest)
    assert server.changes() == []


@pytest.mark.parametrize("change", [name for name in CHANGES if name != "stamp"])
def test_nothing_is_sent_to_a_copy_of_our_guest(serve: Any, connect: Any, world: Any, change: str) -> None:
    server = serve(answers(world, world.config(smbios1="uuid=99999999-9999-4999-8999-999999999999")))
    with pytest.raises(NotOurs, match="copy made by hand"):
        CHANGES[change](the_guest(connect(server), world, smbios_uuid=world.smbios.upper()))
    assert server.changes() == []


def test_a_guest_that_is_still_being_cloned_is_busy_not_foreign(serve: Any, connect: Any, world: Any) -> None:
    server = serve(answers(world, {"lock": "clone", "digest": world.digest}))
    with pytest.raises(ProxmoxError) as caught:
        the_guest(connect(server), world).start()
    assert caught.value.kind is FaultKind.BUSY
    assert server.changes() == []


def test_a_stamp_comes_back_after_a_rollback_when_the_machine_is_ours(
    serve: Any, connect: Any, world: Any
) -> None:
    server = serve(answers(world, world.config(description="old words")))
    the_guest(connect(server), world, smbios_uuid=world.smbios).stamp()
    assert server.changes()[0].params["description"] == f"{world.mark.line}\nold words"
    server.answer = answers(world, world.config())
    server.seen.clear()
    the_guest(connect(server), world).stamp()
    assert server.changes() == []


WITH_DIGEST = {"set_config", "resize", "move_disk", "detach_disk", "delete_disk"}


@pytest.mark.parametrize("change", [name for name in CHANGES if name not in WITH_DIGEST and "." not in name])
def test_a_change_without_digest_looks_again_even_right_after_a_look(
    serve: Any, connect: Any, world: Any, change: str
) -> None:
    server = serve(answers(world, world.config()))
    guest = the_guest(connect(server), world)
    guest.prove()
    server.answer = answers(world, world.config(description="somebody took this number"))
    with pytest.raises(NotOurs):
        CHANGES[change](guest)
    assert server.changes() == []


@pytest.mark.parametrize("change", sorted(WITH_DIGEST))
def test_a_change_made_on_a_recent_look_carries_its_digest(
    serve: Any, connect: Any, world: Any, change: str
) -> None:
    server = serve(answers(world, world.config()))
    guest = the_guest(connect(server), world)
    guest.prove()
    server.answer = answers(world, world.config(digest="f" * 40))
    CHANGES[change](guest)
    assert [seen.params["digest"] for seen in server.changes()] == [world.digest]


class Recorder:
    """Keeps what the journal would keep, and how many changes the server had seen by then."""

    def __init__(self, server: Any, refuse: bool = False) -> None:
        self.server, self.refuse = server, refuse
        self.log: list[tuple[Any, ...]] = []

    def intent(self, call: Any) -> int:
        if self.refuse:
            raise Refused("no longer ours to do")
        self.log.append(("intent", call, len(self.server.changes())))
        return 7

    def answered(self, call_id: int, upid: str | None) -> None:
        self.log.append(("answered", call_id, upid))

    def failed(self, call_id: int, kind: FaultKind, sentence: str) -> None:
        self.log.append(("failed", call_id, kind))


@pytest.mark.parametrize("change", [name for name in CHANGES if name not in ("stamp", "eject_iso")])
def test_intent_comes_before_the_request_and_the_answer_right_after(
    serve: Any, connect: Any, world: Any, change: str
) -> None:
    server = serve(answers(world, world.config()))
    recorder = Recorder(server)
    CHANGES[change](the_guest(connect(server, recorder), world))
    for index in range(0, len(recorder.log), 2):
        name, call, sent_before = recorder.log[index]
        assert (name, sent_before) == ("intent", index // 2)
        assert (call.vmid, call.node) == (100, "pve1")
        assert call.path.startswith(("/nodes/pve1/", "/cluster/ha/resources/vm:100"))
        assert recorder.log[index + 1][:2] == ("answered", 7)
    assert len(recorder.log) == 2 * len(server.changes())


def test_an_intent_that_is_refused_stops_the_call(serve: Any, connect: Any, world: Any) -> None:
    server = serve(answers(world, world.config()))
    with pytest.raises(Refused, match="no longer ours"):
        the_guest(connect(server, Recorder(server, refuse=True)), world).start()
    assert server.changes() == []


def test_a_failure_is_journalled_with_its_kind(serve: Any, connect: Any, world: Any) -> None:
    server = serve(answers(world, world.config(), status__start=world.reply(wire="cut")))
    recorder = Recorder(server)
    with pytest.raises(ProxmoxError):
        the_guest(connect(server, recorder), world).start()
    assert [entry[0] for entry in recorder.log] == ["intent", "failed"]
    assert recorder.log[1][2] is FaultKind.AMBIGUOUS


def test_passwords_leave_no_trace_in_the_journal(serve: Any, connect: Any, world: Any) -> None:
    server = serve(answers(world, world.config()))
    recorder = Recorder(server)
    guest = the_guest(connect(server, recorder), world)
    guest.set_user_password("root", "first-secret")
    guest.set_user_password("root", "other-secret")
    hashes = {entry[1].params_hash for entry in recorder.log if entry[0] == "intent"}
    assert len(hashes) == 1


# --- config


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


# --- firewall


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
    told = [
        f"{seen.method} {seen.params.get('cidr') or seen.path.removeprefix(prefix)}"
        for seen in server.changes()
    ]
    assert told == sent


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
