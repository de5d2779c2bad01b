"""Reads about tasks: the lists of a node and of the cluster, one task's state, its log, and ending it."""

from __future__ import annotations

import re
from typing import Any

from fakepve.routing import param_error

from kvmtui.lab.tasks import Task
from kvmtui.lab.world import World, serves

LIST = "/nodes/{node}/tasks"
ONE = LIST + "/{upid}"
UPID = re.compile(r"UPID:([^:]+):[0-9A-F]{8}:[0-9A-F]{8,9}:[0-9A-F]{8}:[^:]+:[^:]*:[^:]+:")
NEWEST_IN_CLUSTER = 25


def _view(task: Task) -> dict[str, Any]:
    item: dict[str, Any] = {
        "upid": task.upid,
        "node": task.node,
        "pid": task.pid,
        "pstart": task.pstart,
        "starttime": int(task.starttime),
        "type": task.type,
        "id": task.id,
        "user": task.user,
    }
    if "!" in task.user:
        item["user"], _, item["tokenid"] = task.user.partition("!")
    return item


def _listed(task: Task) -> dict[str, Any]:
    item = _view(task)
    if task.exitstatus is not None and task.endtime is not None:
        item |= {"endtime": int(task.endtime), "status": task.exitstatus}
    return item


def _owns(user: str, task: Task) -> bool:
    return user in (task.user, task.user.split("!")[0])


def _visible(world: World, user: str, node: str) -> list[Task]:
    tasks = world.workers.of(node)
    if world.allowed(user, f"/nodes/{node}", "Sys.Audit"):
        return tasks
    return [task for task in tasks if _owns(user, task)]


@serves("GET", LIST)
async def task_list(world: World, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """The tasks of a node: finished ones, running ones, or both, filtered."""
    source = values.get("source", "archive")
    found = []
    for task in _visible(world, user, values["node"]):
        if source == "all" or task.running == (source == "active"):
            item = _listed(task)
            if task.running:
                item["status"] = "RUNNING"
            if _wanted(item, values):
                found.append(item)
    start = int(values.get("start", 0))
    return found[start : start + int(values.get("limit", 50))]


def _wanted(item: dict[str, Any], values: dict[str, Any]) -> bool:
    checks = (
        ("vmid", lambda v: item["id"] == str(v)),
        ("typefilter", lambda v: item["type"] == v),
        ("userfilter", lambda v: v in item["user"]),
        ("since", lambda v: item["starttime"] >= int(v)),
        ("until", lambda v: item["starttime"] <= int(v)),
        ("errors", lambda v: not v or _ending(item["status"]) == "error"),
        ("statusfilter", lambda v: _ending(item["status"]) in re.split(r"[,; ]+", v)),
    )
    return all(check(values[name]) for name, check in checks if values.get(name) is not None)


def _ending(status: str) -> str:
    if status in ("OK", "RUNNING"):
        return "ok" if status == "OK" else "running"
    if status.startswith("WARNINGS"):
        return "warning"
    return "unknown" if status == "unexpected status" else "error"


@serves("GET", "/cluster/tasks")
async def cluster_tasks(world: World, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """Running tasks and the newest finished ones of every node."""
    found = []
    for node in world.nodes:
        tasks = _visible(world, user, node)
        finished = [task for task in tasks if not task.running][:NEWEST_IN_CLUSTER]
        found += [_listed(task) for task in tasks if task.running] + [_listed(task) for task in finished]
    return sorted(found, key=lambda item: -item["starttime"])


def _task(world: World, values: dict[str, Any], user: str) -> Task:
    upid = values["upid"]
    parsed = UPID.fullmatch(upid)
    if parsed is None:
        raise param_error(upid="unable to parse worker upid")
    task = world.workers.by_upid.get(upid)
    if task is None or task.vanished or parsed[1] != values["node"]:
        raise param_error(upid="no such task")
    if not _owns(user, task):
        world.require(user, f"/nodes/{task.node}", "Sys.Audit")
    return task


@serves("GET", ONE + "/status")
async def task_status(world: World, values: dict[str, Any], user: str) -> dict[str, Any]:
    """One task: running or stopped, and how it ended."""
    task = _task(world, values, user)
    item = {**_view(task), "status": "running" if task.running else "stopped"}
    if task.exitstatus is not None:
        item["exitstatus"] = task.exitstatus
    return item


@serves("GET", ONE + "/log")
async def task_log(world: World, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """A page of a task's log."""
    lines = _task(world, values, user).log
    start, limit = int(values.get("start", 0)), int(values.get("limit", 50))
    page = [{"n": n, "t": line} for n, line in enumerate(lines, 1)][start:]
    return page[:limit] if limit else page


@serves("DELETE", ONE)
async def task_stop(world: World, values: dict[str, Any], user: str) -> None:
    """Kill a task's worker."""
    task = _task(world, values, user)
    if not _owns(user, task):
        world.require(user, f"/nodes/{task.node}", "Sys.Modify")
    world.workers.kill(task)
