"""High availability: managed guests, requests to the manager, and the manager that moves and restarts guests."""

from __future__ import annotations

import re
from typing import Any

from fakepve.model import TaskError
from fakepve.routing import die, param_error, split_list

from engine.errors import Refused
from kvmtui.lab import foreign
from kvmtui.lab.access import ROOT
from kvmtui.lab.configdisks import settle_pending
from kvmtui.lab.guests import LabGuest
from kvmtui.lab.tasks import LabTask
from kvmtui.lab.world import LabCluster, serves

RESOURCES = "/cluster/ha/resources"
ONE = RESOURCES + "/{sid}"
RULES = "/cluster/ha/rules"
# The manager looks at its requests about this often (virtual seconds).
MANAGER_SECONDS = 5
MIGRATED = "ha groups have been migrated to rules"
STATES = {"running": "started", "stopped": "stopped"}
# States in which the manager does nothing that was requested of it.
STUCK = ("error", "fence", "freeze", "recovery")


# ---- what tests steer


def manage(world: LabCluster, vmid: int, state: str = "started") -> None:
    """Put a guest under HA with a requested state that it has already; an empty state removes the resource."""
    guest = world.roster.get(vmid)
    if guest is None:
        raise Refused(f"The lab has no guest {vmid}.")
    guest.ha = {"state": state} if state else None
    guest.ha_state = "stopped" if state == "disabled" else state
    world.effect("ha-manage", guest.node, vmid, state)


def stick(world: LabCluster, vmid: int, state: str) -> None:
    """Put a managed guest into a state of the manager, such as error or fence; with an empty one it acts again."""
    guest = world.roster.get(vmid)
    if guest is None or guest.ha is None:
        raise Refused(f"The lab has no HA resource vm:{vmid}.")
    guest.ha_state = state or STATES[guest.status]
    world.effect("ha-stick", guest.node, vmid, state)
    if not state:
        world.background(_act_later(world, guest))


async def move(world: LabCluster, vmid: int, target: str, seconds: float = 3.0) -> str:
    """The manager migrates a guest: root's own `qmigrate` task that locks the config for its time."""
    guest = world.roster.get(vmid)
    if guest is None or target not in world.nodes:
        raise Refused(f"The lab has no guest {vmid} or no node {target}.")

    async def body(task: LabTask) -> None:
        task.say(f"starting migration of VM {vmid} to node '{target}' ({world.address(target)})")
        guest.set_lock("migrate")
        if guest.ha is not None:
            guest.ha_state = "migrate"
        await world.clock.sleep(seconds)
        guest.set_lock(None)
        foreign.migrate(world, vmid, target)
        if guest.ha is not None:
            _settled(guest)
            world.background(_act_later(world, guest))
        task.say("migration finished successfully (duration 00:00:03)")

    return await world.workers.start(guest.node, "qmigrate", vmid, ROOT, body, vmids=(vmid,))


async def power(world: LabCluster, vmid: int, status: str) -> str:
    """The manager starts or stops a guest in a task of root."""
    guest = world.roster.get(vmid)
    if guest is None:
        raise Refused(f"The lab has no guest {vmid}.")

    async def body(task: LabTask) -> None:
        await world.clock.sleep(1)
        if guest.status != status:
            guest.power(status, world.clock.now())
            settle_pending(world, guest)
            world.effect("start" if status == "running" else "stop", guest.node, vmid)
        _settled(guest)

    kind = "qmstart" if status == "running" else "qmstop"
    return await world.workers.start(guest.node, kind, vmid, ROOT, body, vmids=(vmid,))


def _settled(guest: LabGuest) -> None:
    """The manager has done what it was at."""
    if guest.ha is not None and guest.ha_state not in STUCK:
        guest.ha_state = STATES[guest.status]


foreign.ACTIONS |= {"ha-manage": manage, "ha-stick": stick, "ha-move": move, "ha-power": power}


def standing(world: LabCluster, guest: LabGuest) -> dict[str, Any]:
    """What the status of a guest shows of HA."""
    if guest.ha is None or not guest.ha_managed:
        return {"managed": 0}
    group = {"group": guest.ha.get("group")} if world.dialect.major < 9 else {}
    return {"managed": 1, **group, "state": guest.ha_state or None}


# ---- requests by way of a guest's own calls


async def request_power(world: LabCluster, guest: LabGuest, status: str, user: str) -> str:
    """`hastart` or `hastop`: the task ends once the request is written; the manager acts later."""
    word = "start" if status == "running" else "stop"

    async def body(task: LabTask) -> None:
        task.say(f"Requesting HA {word} for VM {guest.vmid}")
        assert guest.ha is not None
        if guest.ha_state == "error" and status == "running":
            task.say(f"service 'vm:{guest.vmid}' in error state, must be disabled and fixed first")
            command = f"ha-manager set vm:{guest.vmid} --state started"
            raise TaskError(f"command '{command}' failed: exit code 255")
        guest.ha["state"] = "started" if status == "running" else "stopped"
        world.background(_act_later(world, guest))

    return await world.workers.start(guest.node, f"ha{word}", guest.vmid, user, body, vmids=(guest.vmid,))


async def request_migration(world: LabCluster, guest: LabGuest, target: str, user: str) -> str:
    """`hamigrate`: the task ends once the request is written; the manager moves the guest later."""

    async def body(task: LabTask) -> None:
        task.say(f"Requesting HA migration for VM {guest.vmid} to node {target}")
        world.background(_move_later(world, guest.vmid, target))

    return await world.workers.start(guest.node, "hamigrate", guest.vmid, user, body, vmids=(guest.vmid,))


async def _act_later(world: LabCluster, guest: LabGuest) -> None:
    await world.clock.sleep(MANAGER_SECONDS)
    if guest.ha is None or world.roster.get(guest.vmid) is not guest:
        return
    if guest.ha_state in STUCK or guest.lock == "migrate":
        return
    wanted = {"started": "running", "stopped": "stopped", "disabled": "stopped"}.get(guest.ha["state"])
    if wanted and wanted != guest.status:
        guest.ha_state = "request_stop" if wanted == "stopped" else "started"
        await power(world, guest.vmid, wanted)
    else:
        _settled(guest)


async def _move_later(world: LabCluster, vmid: int, target: str) -> None:
    await world.clock.sleep(MANAGER_SECONDS)
    guest = world.roster.get(vmid)
    if guest is not None and guest.node != target and guest.ha_state not in STUCK:
        await move(world, vmid, target)


# ---- the endpoints


def _sid(text: object) -> int:
    found = re.fullmatch(r"(?:vm:|ct:)?(\d+)", str(text))
    if found is None:
        raise param_error(sid="invalid format - unable to parse HA resource or VM ID")
    return int(found[1])


def _managed(world: LabCluster, text: object) -> LabGuest:
    vmid = _sid(text)
    guest = world.roster.get(vmid)
    if guest is None or guest.ha is None:
        raise die(f"no such resource 'vm:{vmid}'")
    return guest


def _resource(guest: LabGuest) -> dict[str, Any]:
    item: dict[str, Any] = {"sid": f"vm:{guest.vmid}", "type": "vm", "digest": guest.digest()}
    return item | (guest.ha or {})


@serves("GET", RESOURCES)
async def resources(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """Every managed guest."""
    return [_resource(g) for g in world.roster.values() if g.ha is not None and values.get("type") != "ct"]


@serves("POST", RESOURCES)
async def create(world: LabCluster, values: dict[str, Any], user: str) -> None:
    """Put a guest under HA."""
    vmid = _sid(values["sid"])
    guest = world.roster.get(vmid)
    if guest is None:
        raise die(f"unable to find configuration file for VM {vmid} on any node")
    if guest.ha is not None:
        raise die(f"resource ID 'vm:{vmid}' already defined")
    if values.get("group") and world.dialect.major >= 9:
        raise die(f"cannot use group: {MIGRATED}")
    guest.ha = {"state": "started"} | {k: v for k, v in values.items() if k not in ("sid", "type")}
    guest.ha_state = ""
    world.background(_act_later(world, guest))


@serves("GET", ONE)
async def resource(world: LabCluster, values: dict[str, Any], user: str) -> dict[str, Any]:
    """One managed guest."""
    return _resource(_managed(world, values["sid"]))


@serves("PUT", ONE)
async def update(world: LabCluster, values: dict[str, Any], user: str) -> None:
    """Change what is requested of a guest."""
    guest = _managed(world, values["sid"])
    assert guest.ha is not None
    if guest.ha_state == "error":
        if values.get("state") != "disabled":
            raise die(f"service 'vm:{guest.vmid}' in error state, must be disabled and fixed first")
        guest.ha_state = "stopped"
    for name in split_list(values.get("delete")):
        guest.ha.pop(name, None)
    guest.ha |= {k: v for k, v in values.items() if k not in ("sid", "delete", "digest")}
    world.background(_act_later(world, guest))


@serves("DELETE", ONE)
async def delete(world: LabCluster, values: dict[str, Any], user: str) -> None:
    """Release a guest from HA."""
    guest = _managed(world, values["sid"])
    guest.ha, guest.ha_state = None, ""


async def _order_move(world: LabCluster, values: dict[str, Any], user: str) -> dict[str, Any]:
    guest, target = _managed(world, values["sid"]), str(values["node"])
    if target not in world.nodes:
        raise die(f"no such cluster node '{target}'")
    world.background(_move_later(world, guest.vmid, target))
    return {"sid": f"vm:{guest.vmid}", "requested-node": target}


serves("POST", ONE + "/migrate")(_order_move)
serves("POST", ONE + "/relocate")(_order_move)


@serves("GET", RULES)
async def rules(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """The rules that took the place of groups in version 9: none here."""
    return []


@serves("GET", "/cluster/ha/groups")
async def groups(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """The groups of version 8; version 9 refuses the call."""
    if world.dialect.major >= 9:
        raise die(f"cannot index groups: {MIGRATED}")
    return []


@serves("GET", "/cluster/ha/status/current")
async def status(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """Quorum, manager, and the state of every node and managed guest."""
    names = list(world.nodes)
    master, now = names[0], int(world.clock.now())
    stamp = f"(active, {now})" if world.quorate else f"(old timestamp - dead?, {now})"
    quorum = {"id": "quorum", "type": "quorum", "node": master, "quorate": int(world.quorate)}
    found: list[dict[str, Any]] = [{**quorum, "status": "OK" if world.quorate else "No quorum on node!"}]
    managed = [guest for guest in world.roster.values() if guest.ha is not None]
    if not managed:
        return found
    entry = {"id": "master", "type": "master", "node": master, "timestamp": now}
    found.append({**entry, "status": f"{master} {stamp}"})
    for name in names:
        lrm = {"id": f"lrm:{name}", "type": "lrm", "node": name, "timestamp": now}
        found.append({**lrm, "status": f"{name} {stamp}"})
    for guest in managed:
        requested = str((guest.ha or {}).get("state"))
        state = guest.ha_state or "queued"
        service = {"id": f"service:vm:{guest.vmid}", "type": "service", "sid": f"vm:{guest.vmid}"}
        service |= {"node": guest.node, "state": state, "crm_state": state, "request_state": requested}
        found.append({**service, "status": f"vm:{guest.vmid} ({guest.node}, {state})"})
    return found


@serves("GET", "/cluster/ha/status/manager_status")
async def manager_status(world: LabCluster, values: dict[str, Any], user: str) -> dict[str, Any]:
    """The manager's own record."""
    master, now = next(iter(world.nodes)), int(world.clock.now())
    service = {f"vm:{g.vmid}": {"node": g.node, "state": g.ha_state} for g in world.roster.values() if g.ha}
    manager = {"master_node": master, "timestamp": now, "service_status": service}
    manager["node_status"] = {
        name: "online" if state["online"] else "unknown" for name, state in world.nodes.items()
    }
    return {"manager_status": manager, "quorum": {"node": master, "quorate": str(int(world.quorate))}}
