"""A database of the first release, with VMs in the middle of pipelines, opens after an upgrade and continues."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import audit
from engine.pipelines.context import Contexts
from engine.pipelines.registry import catalog
from engine.running import instance
from engine.store import check, secrets
from engine.store.database import close_database, open_database, session
from engine.store.migrate import is_current, migrate
from engine.store.models import Request, Run, Server, Vm
from engine.store.urls import sqlite_url
from engine.work.ports import Ports
from engine.work.servers import Servers
from engine.work.walk import Walker
from kvmtui.lab import Lab
from tests.pipelines.conftest import Site

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def first_release(tmp_path: Path) -> Iterator[None]:
    """The database as the first release left it, opened and migrated by this one."""
    path = tmp_path / "kvmtui.db"
    connection = sqlite3.connect(path)
    connection.executescript((FIXTURES / "first_release.sql").read_text(encoding="utf-8"))
    connection.close()
    path.chmod(0o600)
    key_file = tmp_path / "secret.key"
    shutil.copy(FIXTURES / "first_release.key", key_file)
    key_file.chmod(0o600)
    open_database(sqlite_url(path))
    assert migrate()
    assert is_current()
    secrets.use_key_file(key_file)
    yield
    secrets.forget_key()
    close_database()


def test_requests_become_rows_and_nothing_is_left_without_a_due_time(first_release: None) -> None:
    with session():
        rows = [(row.vm, row.pipeline, row.state) for row in Request.select().order_by(Request.id)]
        assert rows == [
            (1, "Shutdown", "queued"),
            (1, "SetDnsRecords", "queued"),
            (2, "Stop", "queued"),
            (5, "Set DNS records", "running"),
        ]
        due = {vm.id: vm.due_at is not None for vm in Vm.select()}
    assert due == {1: True, 2: True, 3: True, 4: True, 5: True, 6: False}
    assert audit.verify_chain() == []
    assert check.check() == []


def test_every_vm_continues_where_it_was(first_release: None) -> None:
    with Lab(nodes=3, speed=200.0) as lab, session():
        server = Server.get()
        server.port, server.tls = lab.port, {"fingerprint": lab.fingerprint}
        server.token_id = lab.token_id
        server.token_secret = secrets.seal(lab.token_secret, "server", server.uid, "token_secret")
        server.save()
        handles = Servers()
        site = Site(lab, server, Walker(catalog(), handles, Contexts(handles, Ports(), instance())))
        site.walk(Vm.get_by_id(3))  # its task is unknown to this cluster, so the clone is tried again
        Vm.update(due_at=1).where(Vm.id == 3).execute()
        ended = {number: site.walk(Vm.get_by_id(number)) for number in (1, 3, 4, 5)}
        stuck = site.walk(Vm.get_by_id(2))
        handles.close()
    assert [(vm.vm_status, vm.error) for vm in ended.values()] == [("ready", "")] * 4
    assert (stuck.vm_status, "template 4711" in stuck.error) == ("set_ip", True)
    with session():
        states = {(row.vm, row.pipeline): row.state for row in Request.select()}
        assert not Run.select().where(Run.live == 1, Run.vm != 2).exists()
    # the guest of VM 1 is not on this cluster: its request ends with that reason instead of never
    assert states == {
        (1, "Shutdown"): "failed",
        (1, "SetDnsRecords"): "done",
        (2, "Stop"): "queued",
        (5, "Set DNS records"): "done",
    }
