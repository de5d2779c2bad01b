"""Reads about tasks: the lists of a node and of the cluster, one task's state, its log, and ending it."""

from __future__ import annotations

import re
from typing import Any

from fakepve.routing import param_error, split_list

from kvmtui.lab.tasks import LabTask
from kvmtui.lab.world import LabCluster, ListPage, serves

LIST = "/nodes/{node}/tasks"
ONE = LIST + "/{upid}"
UPID = re.compile(r"UPID:([^:]+):[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:[0-9A-Fa-f]{8}:[^:]+:[^:]*:([^:]+):")
NEWEST_IN_CLUSTER = 25


def _view(task: LabTask) -> dict[str, Any]:
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


def _listed(world: LabCluster, task: LabTask) -> dict[str, Any]:
    """A task as the node's list has it: the token is split off only once the task is archived."""
    item = _view(task)
    if task.exitstatus is not None and task.endtime is not None:
        item |= {"endtime": int(task.endtime), "status": task.exitstatus}
    if not world.workers.saved(task):
        item["user"] = task.user
        item.pop("tokenid", None)
        item["saved"] = "0"
    return item


def _owns(user: str, task: LabTask) -> bool:
    return user in (task.user, task.user.split("!")[0])


def _visible(world: LabCluster, user: str, node: str) -> list[LabTask]:
    tasks = world.workers.of(node)
    if world.allowed(user, f"/nodes/{node}", "Sys.Audit"):
        return tasks
    return [task for task in tasks if _owns(user, task)]


@serves("GET", LIST)
async def task_list(world: LabCluster, values: dict[str, Any], user: str) -> ListPage:
    """The tasks of a node: archived ones, active ones, or both, filtered."""
    source = values.get("source", "archive")
    found = []
    for task in _visible(world, user, values["node"]):
        if source == "all" or world.workers.saved(task) == (source == "archive"):
            item = _listed(world, task)
            if _wanted(item, values):
                found.append(item | {"status": item.get("status", "RUNNING")})
    start, limit = int(values.get("start", 0)), int(values.get("limit", 50))
    return ListPage(found[start : start + limit], len(found))


def _wanted(item: dict[str, Any], values: dict[str, Any]) -> bool:
    endings = {"ok", "warning", "error", "unknown"}
    if values.get("errors"):
        endings -= {"ok"}
    elif values.get("statusfilter") is not None:
        endings = {name.lower() for name in split_list(values["statusfilter"])}
    checks = (
        ("vmid", lambda v: item["id"] == str(v)),
        ("typefilter", lambda v: not v or item["type"] == v),
        ("userfilter", lambda v: str(v).lower() in item["user"].lower()),
        ("since", lambda v: item["starttime"] >= int(v)),
        ("until", lambda v: item["starttime"] <= int(v)),
    )
    fits = all(check(values[name]) for name, check in checks if values.get(name) is not None)
    return fits and _ending(item.get("status")) in endings


def _ending(status: str | None) -> str:
    if status == "OK":
        return "ok"
    if status is None or status == "unexpected status":
        return "unknown"
    return "warning" if re.fullmatch(r"WARNINGS: \d+", status) else "error"


@serves("GET", "/cluster/tasks")
async def cluster_tasks(world: LabCluster, values: dict[str, Any], user: str) -> list[dict[str, Any]]:
    """Running tasks and the newest finished ones of every node."""
    found = []
    for node in world.nodes:
        tasks = _visible(world, user, node)
        finished = [task for task in tasks if not task.running][:NEWEST_IN_CLUSTER]
        found += [_broadcast(task, newest=False) for task in tasks if task.running]
        found += [_broadcast(task, newest=number == 0) for number, task in enumerate(finished)]
    return sorted(found, key=lambda item: -int(item["starttime"]))


def _broadcast(task: LabTask, *, newest: bool) -> dict[str, Any]:
    """A task as nodes tell each other about it: no process, and a number only where it was just archived."""
    item = {name: value for name, value in _view(task).items() if name not in ("pid", "pstart")}
    if task.exitstatus is not None and task.endtime is not None:
        item |= {"endtime": int(task.endtime), "status": task.exitstatus, "saved": 1 if newest else "1"}
    return item


def _task(world: LabCluster, values: dict[str, Any], user: str) -> LabTask:
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
async def task_status(world: LabCluster, values: dict[str, Any], user: str) -> dict[str, Any]:
    """One task: running or stopped, and how it ended."""
    task = _task(world, values, user)
    item = {**_view(task), "status": "running" if task.running else "stopped"}
    if task.exitstatus is not None:
        item["exitstatus"] = task.exitstatus
    return item


@serves("GET", ONE + "/log")
async def task_log(world: LabCluster, values: dict[str, Any], user: str) -> ListPage:
    """A page of a task's log; an unknown task has one line that says so."""
    upid = values["upid"]
    parsed = UPID.fullmatch(upid)
    if parsed is None:
        raise param_error(upid="unable to parse worker upid")
    if user not in (parsed[2], parsed[2].split("!")[0]):
        world.require(user, f"/nodes/{values['node']}", "Sys.Audit")
    task = world.workers.by_upid.get(upid)
    if task is None or task.vanished:
        line = {"n": 1, "t": "unable to open file - No such file or directory"}
        return ListPage([line] if world.dialect.major >= 9 else line, 1)
    lines = task.log or ["no content"]
    start, limit = int(values.get("start", 0)), int(values.get("limit", 50))
    page = [{"n": n, "t": line} for n, line in enumerate(lines, 1)][start:]
    return ListPage(page[:limit] if limit else page, len(lines))


@serves("DELETE", ONE)
async def task_stop(world: LabCluster, values: dict[str, Any], user: str) -> None:
    """End a task's worker."""
    task = _task(world, values, user)
    if not _owns(user, task):
        world.require(user, f"/nodes/{task.node}", "Sys.Modify")
    world.workers.interrupt(task)
