"""Finds out what became of calls whose end we do not know. No step acts before this is known.

A call with a UPID is resolved by its task. A call without an answer (a lost reply, a crash between intent and
answer) is looked for in the node's task list; only when it is not there, and could not still be arriving, is
it taken as not having happened, and even then the step looks before it acts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.clock import now_ms
from engine.proxmox.cluster import Cluster
from engine.proxmox.faults import FaultKind, ProxmoxError, TaskExit, task_ending
from engine.proxmox.values import TaskStatus
from engine.store.models import Call
from engine.work import journal
from engine.work.model import Wait

SKEW_MS = 120_000  # how far the cluster's clock may be from ours
ARRIVING_MS = {"intent": 3_000, "ambiguous": 8_000}  # a request may still be on its way for this long
_TASK_TYPES = (  # which task a request starts, by its method and the end of its path
    ("POST", re.compile(r"/qemu/\d+/clone$"), "qmclone"),
    ("POST", re.compile(r"/qemu/\d+/migrate$"), "qmigrate"),
    ("POST", re.compile(r"/qemu/\d+/config$"), "qmconfig"),
    ("PUT", re.compile(r"/qemu/\d+/resize$"), "resize"),
    ("POST", re.compile(r"/status/(start|stop|shutdown|reboot|reset|suspend|resume)$"), r"qm\1"),
    ("DELETE", re.compile(r"/qemu/\d+$"), "qmdestroy"),
    ("POST", re.compile(r"/snapshot/[^/]+/rollback$"), "qmrollback"),
    ("POST", re.compile(r"/snapshot$"), "qmsnapshot"),
    ("DELETE", re.compile(r"/snapshot/[^/]+$"), "qmdelsnapshot"),
    ("POST", re.compile(r"/move_disk$"), "qmmove"),
    ("POST", re.compile(r"/vzdump$"), "vzdump"),
    ("POST", re.compile(r"/nodes/[^/]+/qemu$"), "qmrestore"),
    ("DELETE", re.compile(r"/storage/[^/]+/content/"), "imgdel"),
)
# what Proxmox starts in its place for a guest that HA manages
_HA_TYPES = {"qmstart": "hastart", "qmstop": "hastop", "qmshutdown": "hastop", "qmigrate": "hamigrate"}


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What was found: something to wait for, or why the newest ended call failed."""

    wait: Wait | None = None
    failed: str = ""
    failed_kind: FaultKind | None = None
    no_quorum: bool = False
    notes: tuple[str, ...] = ()


def reconcile(cluster: Cluster, vm_id: int, step: str) -> Reconciled:
    """Close every open call of a VM that has ended; tell the first that has not."""
    failed, kind, no_quorum, notes = "", None, False, []
    for call in journal.open_calls(vm_id):
        if not call.upid and (wait := _find(cluster, call)):
            return Reconciled(wait)
        if not call.upid:
            continue
        outcome = _ask(cluster, call)
        if isinstance(outcome, Wait):
            return Reconciled(outcome)
        journal.end(call, outcome.exitstatus)
        if not outcome.ok and call.step == step:
            failed, kind = outcome.error(call.what, cluster.access.login).sentence, outcome.kind
            no_quorum = outcome.reason == "no_quorum"
        elif outcome.warnings:
            notes.append(f"{call.what} ended with {outcome.exitstatus}; see the task's log on {call.node}")
    return Reconciled(failed=failed, failed_kind=kind, no_quorum=no_quorum, notes=tuple(notes))


def _ask(cluster: Cluster, call: Call) -> TaskExit | Wait:
    """How the task of a call ended, or the wait for it."""
    try:
        ending = cluster.task_ending(call.upid)
    except ProxmoxError as error:
        if error.kind is FaultKind.GONE or error.reason == "no_task":
            return task_ending("unexpected status")
        raise
    return ending or Wait("task", call.what, upid=call.upid)


def _find(cluster: Cluster, call: Call) -> Wait | None:
    """Look for the task of an unanswered call; None when it is found or certainly did not start."""
    task_type = _task_type(call)
    if task_type and call.node:
        since = call.intent_at - SKEW_MS
        known = journal.known_upids(call.server_id, since)
        for wanted in (task_type, _HA_TYPES.get(task_type)):
            for task in cluster.recent_tasks(call.node, since, typefilter=wanted) if wanted else ():
                if task.upid not in known and _fits(cluster, call, task):
                    journal.found_task(call, task.upid)
                    call.upid = task.upid
                    return None
    age = now_ms() - call.intent_at
    patience = ARRIVING_MS.get(call.state, 0)
    if 0 <= age < patience:
        why = f"the answer to '{call.what}' was lost; looking for what became of it"
        return Wait("time", why, seconds=(patience - age) / 1000)
    journal.end(call, "no trace of it on the cluster; the state is read before anything is sent again")
    return None


def _fits(cluster: Cluster, call: Call, task: TaskStatus) -> bool:
    """Whether a task of the right type is the one this call started."""
    if not call.path.endswith("/clone"):
        # an imgdel task carries the storage as well: 2000@backup
        return str(call.vmid) == task.id.partition("@")[0]
    # a clone's task carries the template's number; only its log names the new guest
    names = (f"vm-{call.vmid}-", f"with ID {call.vmid}", f"/{call.vmid}/")
    return any(name in line.text for line in cluster.task_log(task.upid) for name in names)


def _task_type(call: Call) -> str | None:
    for method, path, task_type in _TASK_TYPES:
        if call.method == method and (match := path.search(call.path)):
            return match.expand(task_type)
    return None
