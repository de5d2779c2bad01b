"""Nothing is done to a guest that is not provably ours, and every change is journaled before it is sent."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from engine.errors import Refused
from engine.proxmox import (
    FaultKind,
    Guest,
    GuestFirewall,
    GuestView,
    Mark,
    NotOurs,
    ProxmoxError,
)
from tests.proxmox.guests import answers, the_guest

CHANGES: dict[str, Callable[[Guest], Any]] = {
    "set_config": lambda guest: guest.set_config({"cores": 4}),
    "resize": lambda guest: guest.resize("scsi0", 40),
    "move_disk": lambda guest: guest.move_disk("scsi0", "local", "qcow2"),
    "mount_iso": lambda guest: guest.mount_iso("local:iso/debian.iso"),
    "eject_iso": lambda guest: guest.eject_iso(),
    "start": lambda guest: guest.start(),
    "stop": lambda guest: guest.stop(),
    "shutdown": lambda guest: guest.shutdown(120, force=True),
    "reboot": lambda guest: guest.reboot(),
    "reset": lambda guest: guest.reset(),
    "migrate": lambda guest: guest.migrate("pve2", "local-lvm"),
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
}
READS = {"prove", "prove_digest", "firewall", "send", "options", "ipset"}


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


def test_a_stamp_comes_back_after_a_rollback_when_the_vm_is_ours(
    serve: Any, connect: Any, world: Any
) -> None:
    server = serve(answers(world, world.config(description="old words")))
    the_guest(connect(server), world, smbios_uuid=world.smbios).stamp()
    assert server.changes()[0].params["description"] == f"{world.mark.line}\nold words"
    server.answer = answers(world, world.config())
    server.seen.clear()
    the_guest(connect(server), world).stamp()
    assert server.changes() == []


WITH_DIGEST = {"set_config", "resize", "move_disk"}


@pytest.mark.parametrize("change", [name for name in CHANGES if name not in WITH_DIGEST])
def test_a_change_without_digest_reads_again_even_right_after_a_read(
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
def test_a_change_after_a_recent_read_carries_its_digest(
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
