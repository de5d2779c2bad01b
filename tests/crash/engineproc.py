"""An engine in a forked process that kills itself with SIGKILL at the n-th moment that matters.

The moments: before and after every commit of the database, before and after every request to the cluster. A number
beyond the last moment means it runs to its end.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engine.clock import now_ms
from engine.pipelines import context
from engine.pipelines.context import Contexts
from engine.pipelines.registry import catalog
from engine.pipelines.steps import facts
from engine.proxmox.transport import Transport
from engine.running import instance
from engine.store import secrets
from engine.store.database import close_database, database, open_database, session
from engine.store.models import Outbox, Vm
from engine.work import claims, reconcile, watch, workers
from engine.work.ports import NoNames, Ports
from engine.work.servers import Servers
from engine.work.walk import Walker

FINISHED, STUCK, BROKEN = 0, 3, 4
PATIENCE_S = 45.0


class OutboxMail:
    """The part of the mail resources that matters here: one row per key, in the step's own transaction."""

    def queue(self, vm: Vm, template: str, key: str, context: Mapping[str, Any]) -> str:
        """Write the row."""
        Outbox.insert(uid=key, key=key, vm=vm.id, template=template, recipient="ops@acme.example").execute()
        return f"mail '{template}' queued"


def run(url: str, key_file: Path, kill_at: int | None = None) -> int:
    """Fork an engine; returns the moments it saw when it finished, or -signal when it was killed."""
    close_database()
    child = os.fork()
    if child == 0:
        code = BROKEN
        try:
            code = _child(url, key_file, kill_at)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    open_database(url)
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _child(url: str, key_file: Path, kill_at: int | None) -> int:
    open_database(url)
    secrets.use_key_file(key_file)
    facts.forget()
    reconcile.ARRIVING_MS.update(intent=200, ambiguous=300)  # on loopback nothing is on its way for longer
    context.LOCK_S = 0.1  # the time of the cluster runs much faster than ours
    watch._WATCH_MS = 100  # who was killed a moment ago watches no more
    if kill_at is not None:
        _arm(kill_at)
    owner = workers.register("daemon", "test")
    handles = Servers()
    walker = Walker(catalog(), handles, Contexts(handles, Ports(NoNames(), OutboxMail()), instance()))
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        for claim in claims.claim_due(owner, 10):
            walker.walk(claim)
        if _all_rest():
            workers.leave(owner)
            return FINISHED
        watch.check(owner, walker.servers)
        time.sleep(0.005)
    return STUCK


def _all_rest() -> bool:
    with session():
        stuck = Vm.select().where(
            Vm.error != "", Vm.wait_kind == "", Vm.due_at > now_ms() + 1000, Vm.vm_status != "error_terminate"
        )
        Vm.update(due_at=now_ms() + 50).where(Vm.id.in_(list(stuck))).execute()  # the next tick, sooner
        return not Vm.select().where((Vm.due_at.is_null(False)) | (Vm.lease_until > now_ms())).exists()


def _arm(kill_at: int) -> None:
    """Count moments; at the wanted one this process is gone."""
    seen = 0

    def moment() -> None:
        nonlocal seen
        seen += 1
        if seen == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(inner: Callable[..., Any]) -> Callable[..., Any]:
        def outer(*args: Any, **kwargs: Any) -> Any:
            moment()
            result = inner(*args, **kwargs)
            moment()
            return result

        return outer

    kind = type(database.obj)
    kind.commit = around(kind.commit)
    Transport._send = around(Transport._send)  # type: ignore[method-assign]
