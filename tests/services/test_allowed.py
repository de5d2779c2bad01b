"""What the console refuses before it asks is what the guards of the engine refuse, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from engine.actions import packages, vms
from engine.audit import Actor
from engine.errors import Refused
from engine.queries.allowed import VmState, why_not
from engine.store.models import Service, Vm
from tests.conftest import Store
from tests.screens.console_site import fill

NOC = Actor("noc")
VM_STATES = ("ready", "clone", "change_package", "terminate", "error_terminate", "remove")
SERVICE_STATES = ("Pending", "Active", "Suspended", "Terminated", "Cancelled")
ACTIONS: dict[str, Callable[[int], Any]] = {
    "start": lambda each: vms.power(NOC, each, "start"),
    "stop": lambda each: vms.power(NOC, each, "stop"),
    "shutdown": lambda each: vms.power(NOC, each, "shutdown"),
    "reboot": lambda each: vms.power(NOC, each, "reboot"),
    "redeploy": lambda each: vms.redeploy(NOC, each),
    "reinstall": lambda each: vms.reinstall(NOC, each),
    "dns": lambda each: vms.sync_dns(NOC, each),
    "delete_record": lambda each: vms.delete_record(NOC, each),
    "suspend": lambda each: packages.suspend(NOC, each),
    "unsuspend": lambda each: packages.unsuspend(NOC, each),
    "terminate": lambda each: packages.terminate(NOC, each),
    "package": lambda each: packages.change_package(NOC, each, "VPS-2"),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_it_refuses_what_the_guards_refuse(action: str, sqlite_store: Store) -> None:
    states = [(one, other) for one in VM_STATES for other in SERVICE_STATES]
    fill(len(states))
    wrong = []
    for number, (vm_status, service_status) in enumerate(states, 5546):
        Vm.update(vm_status=vm_status, error="", wait_kind="").where(Vm.service == number).execute()
        Service.update(status=service_status).where(Service.id == number).execute()
        try:
            ACTIONS[action](number)
            refused = False
        except Refused:
            refused = True
        if (why_not(VmState("vps", vm_status, service_status), action) is not None) != refused:
            wrong.append((vm_status, service_status, "refused" if refused else "accepted"))
    assert wrong == []
