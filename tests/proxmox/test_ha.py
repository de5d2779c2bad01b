"""A guest that HA manages: what HA does with it, what is requested, and a guest that HA moved in the meantime."""

from __future__ import annotations

from typing import Any

import pytest

from engine.proxmox import Guest, HaState

STATUS = {"status": "running", "vmid": 100, "ha": {"managed": 1, "state": "started", "group": None}}
GONE = "Configuration file 'nodes/pve1/qemu-server/100.conf' does not exist"


def answering(world: Any, status: dict[str, Any], resource: Any = None) -> Any:
    def answer(seen: Any) -> Any:
        if seen.path.endswith("/status/current"):
            return world.reply(status)
        if seen.path.startswith("/cluster/ha/resources/"):
            return resource or world.reply({"sid": "vm:100", "state": "started", "type": "vm"})
        return world.reply(world.config())

    return answer


def test_a_guest_that_ha_manages_has_a_state_and_a_request(serve: Any, connect: Any, world: Any) -> None:
    server = serve(answering(world, STATUS))
    guest = Guest(connect(server), 100, world.mark, node="pve1")
    assert guest.ha() == HaState(100, "started", "started")
    assert server.seen[-1].path == "/cluster/ha/resources/vm:100"


def test_a_guest_of_its_own_costs_one_request(serve: Any, connect: Any, world: Any) -> None:
    server = serve(answering(world, {**STATUS, "ha": {"managed": 0}}))
    assert Guest(connect(server), 100, world.mark, node="pve1").ha() is None
    assert len(server.seen) == 1


def test_without_sys_audit_the_state_alone_is_known(serve: Any, connect: Any, world: Any) -> None:
    refused = world.reply(status=403, reason="Permission check failed (/, Sys.Audit)")
    server = serve(answering(world, {**STATUS, "ha": {"managed": 1, "state": "stopped"}}, refused))
    assert Guest(connect(server), 100, world.mark, node="pve1").ha() == HaState(100, "stopped", "stopped")


@pytest.mark.parametrize(
    ("state", "requested", "wanted", "words"),
    [
        ("started", "started", "started", ""),
        ("started", "started", "stopped", ""),  # HA was not asked yet: ask
        ("started", "stopped", "stopped", "(state started, requested stopped); waiting for HA"),
        ("", "started", "started", "(state queued, requested started); waiting for HA"),
        ("migrate", "started", "started", "moving it to another node"),
        ("relocate", "started", "stopped", "moving it to another node"),
        ("error", "started", "started", "HA gave up on it"),
        ("fence", "started", "started", "being fenced"),
    ],
)
def test_what_is_waited_for(state: str, requested: str, wanted: Any, words: str) -> None:
    why = HaState(100, state, requested).why_wait(wanted)
    assert words in why and bool(words) == bool(why)


@pytest.mark.parametrize("read", ["status", "pending", "snapshots", "config"])
def test_a_guest_that_has_moved_is_found_again(serve: Any, connect: Any, world: Any, read: str) -> None:
    def answer(seen: Any) -> Any:
        if seen.path == "/cluster/resources":
            return world.reply([{"vmid": 100, "node": "pve2", "type": "qemu"}])
        if seen.path == "/nodes":
            return world.reply([{"node": name, "status": "online"} for name in ("pve1", "pve2")])
        if "/pve1/" in seen.path:
            return world.reply(status=500, reason=GONE)
        if seen.path.endswith("/status/current"):
            return world.reply(STATUS)
        return world.reply([] if seen.path.endswith(("/pending", "/snapshot")) else world.config())

    guest = Guest(connect(serve(answer)), 100, world.mark, node="pve1")
    getattr(guest, read)()
    assert guest.node == "pve2"
