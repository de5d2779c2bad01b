"""A cluster that repeats secrets in its answers: none reaches the log file, an event, a step or an error."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from playhouse.shortcuts import model_to_dict

from engine.proxmox import Cluster, ProxmoxError, ServerAccess, ServerTls
from engine.store import secrets
from engine.store.models import Call, Event, Run, Step, Vm
from kvmtui import logs
from kvmtui.lab import InjectedFault
from tests.pipelines.conftest import Site, site

__all__ = ["site"]


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """A log at debug level."""
    before = logging.getLogger().level
    path = tmp_path / "logs" / "kvmtui.log"
    logs.start(path, "DEBUG")
    yield path
    logs.stop()
    logging.captureWarnings(False)
    logging.getLogger().setLevel(before)


def test_a_deploy_with_a_cluster_that_repeats_its_secrets(site: Site, log_file: Path) -> None:
    vm = site.service()
    vm = site.walk(vm)
    assert vm.vm_status == "ready"
    password = secrets.unseal(vm.os_password, "vm", vm.uid, "os_password")
    hidden = (password, site.lab.token_secret)
    said = "; ".join(f"you sent {value} as password={value}" for value in hidden) + "; over"
    site.lab.faults.add(InjectedFault(kind="task-error", task="qmstop|qmshutdown", text=said, count=0))
    site.lab.faults.add(InjectedFault(kind="status", path="/status/(stop|shutdown)", code=500, text=said))
    site.ask(vm, "Stop")
    site.walk(vm)
    logging.getLogger("engine.somewhere").warning("it said %s", said)
    written = log_file.read_text() + json.dumps(
        [model_to_dict(row, recurse=False) for table in (Event, Step, Run, Call) for row in table.select()]
        + [{**model_to_dict(Vm.get_by_id(vm.id), recurse=False), "os_password": ""}],
        default=str,
    )
    assert "you sent *** as password=***" in written and "; over" in written
    assert [value for value in hidden if value in written] == []


def test_a_login_with_a_password(site: Site, log_file: Path) -> None:
    access = ServerAccess(
        "lab",
        (site.lab.host,),
        port=site.lab.port,
        user="root@pam",
        password=site.lab.password,
        tls=ServerTls.fingerprint(site.lab.fingerprint),
    )
    cluster = Cluster(access)
    ticket = cluster.transport.websocket_headers(site.lab.host)
    cluster.nodes()
    ticket = cluster.transport.websocket_headers(site.lab.host)["Cookie"].partition("=")[2]
    said = f"cannot use {ticket} of {site.lab.password}"
    site.lab.faults.add(InjectedFault(kind="status", path="/nodes", code=500, text=said))
    with pytest.raises(ProxmoxError) as caught:
        cluster.nodes()
    cluster.close()
    logging.getLogger("engine.somewhere").error("%s and %s", caught.value, said)
    written = f"{caught.value.sentence} {caught.value.said} {log_file.read_text()}"
    assert "cannot use *** of ***" in written
    assert ticket not in written and site.lab.password not in written
