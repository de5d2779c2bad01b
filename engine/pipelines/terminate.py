"""Terminate: stop, backups, DNS, delete, and only then free what the VM held."""

from __future__ import annotations

from engine.pipelines.steps.names import configure_dns, delete_dns
from engine.pipelines.steps.power import still_shutting_down
from engine.pipelines.steps.removal import (
    delete_backups,
    delete_vm_or_give_up,
    free_everything,
    stop_gently,
)
from engine.work.model import Pipeline, Step

TERMINATE = Pipeline(
    "Terminate",
    start="terminate",
    failed_status="error_terminate",
    by_status=False,
    steps=(
        Step(None, "Stop VM", stop_gently, meanwhile=still_shutting_down),
        Step(None, "Delete backups", delete_backups),
        Step(None, "Delete DNS records", delete_dns, needs_guest=False),
        Step(None, "Delete VM", delete_vm_or_give_up),
        Step("remove", "Free addresses and VMID", free_everything, needs_guest=False),
    ),
)

SET_DNS_RECORDS = Pipeline(
    "SetDnsRecords",
    start="set_dns_records",
    steps=(Step("ready", "Set DNS records", configure_dns, needs_guest=False),),
)
