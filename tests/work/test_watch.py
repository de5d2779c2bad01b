"""A server that accepts connections and never answers delays nobody but its own VMs."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Iterator

import pytest

from engine.clock import now_ms
from engine.store import secrets
from engine.store.models import Server, Vm
from engine.work import watch
from engine.work.watch import Watcher
from tests.pipelines.conftest import Site, stepped_site  # noqa: F401 - the fixture is used by name
from tests.waiting import until


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A port whose owner accepts connections and says nothing, until it is closed."""
    with socket.create_server(("127.0.0.1", 0), backlog=20) as door:
        yield door


def until_its_clone_runs(site: Site, vm: Vm) -> Vm:
    """Work until the VM waits for its task, which cannot end while the cluster's time stands still."""
    for _ in range(20):
        vm = site.once(vm)
        if vm.wait_kind == "task":
            return vm
    raise AssertionError(f"still at {vm.vm_status}: waits on {vm.wait_kind} {vm.wait_why}")


def test_a_hanging_server_does_not_delay_the_tasks_of_another(
    stepped_site: Site,  # noqa: F811
    silent: socket.socket,
) -> None:
    site = stepped_site
    waiting = until_its_clone_runs(site, site.service())
    uid = str(uuid.uuid4())
    hanging = Server.create(
        uid=uid, name="pve-silent", hosts=["127.0.0.1"], port=silent.getsockname()[1], token_id="a@pve!b",
        token_secret=secrets.seal("11111111-2222", "server", uid, "token_secret"),
        tls={"insecure": True},
    )  # fmt: skip
    held = site.service()
    Vm.update(
        server=hanging, wait_kind="task", wait_node="pve9", wait_upid="UPID:pve9:1", due_at=now_ms() + 60_000
    ).where(Vm.id == held.id).execute()
    Vm.update(due_at=now_ms() + 60_000).where(Vm.id == waiting.id).execute()
    assert min(watch.waiting()) == site.server.id, "the silent one is asked first in one of the orders only"
    site.lab.advance(600)
    watcher = Watcher("me", site.walker.servers)
    for _ in range(2):
        began = time.monotonic()
        watcher.check()
        assert time.monotonic() - began < 4.0, "a check does not wait"
        until(lambda: watcher.check() or Vm.get_by_id(waiting.id).due_at <= now_ms(), 4.5)
        Vm.update(due_at=now_ms() + 60_000).where(Vm.id == waiting.id).execute()
        until(lambda: watcher.asking <= {hanging.id})
    assert Vm.get_by_id(held.id).due_at > now_ms()
    silent.close()
    until(lambda: not watcher.asking, 30)


def test_tasks_that_ended_together_are_read_with_one_request(stepped_site: Site) -> None:  # noqa: F811
    site = stepped_site
    vms = [until_its_clone_runs(site, site.service()) for _ in range(2)]
    waiting = Vm.id.in_([vm.id for vm in vms])

    site.lab.advance(600)
    assert not [one for one in site.lab.tasks() if one.exitstatus is None]
    Vm.update(due_at=now_ms() + 60_000).where(waiting).execute()
    site.lab.requests.clear()
    watch.check("me", site.walker.servers)
    assert Vm.select().where(waiting, Vm.due_at <= now_ms()).count() == 2
    for vm in vms:
        site.once(vm)
    asked = [path for _, path, _ in site.lab.requests.entries]
    assert not [path for path in asked if "qmclone" in path], "each VM polled its own task"
