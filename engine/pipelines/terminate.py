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
from engine.work.model import Pipeline, PipelineStep

TERMINATE = Pipeline(
    "Terminate",
    start="terminate",
    failed_status="error_terminate",
    by_status=False,
    steps=(
        PipelineStep(None, "Stop VM", stop_gently, while_running=still_shutting_down),
        PipelineStep(None, "Delete backups", delete_backups),
        PipelineStep(None, "Delete DNS records", delete_dns, needs_guest=False),
        PipelineStep(None, "Delete VM", delete_vm_or_give_up),
        PipelineStep("remove", "Free addresses and VMID", free_everything, needs_guest=False),
    ),
)

SET_DNS_RECORDS = Pipeline(
    "SetDnsRecords",
    start="set_dns_records",
    steps=(PipelineStep("ready", "Set DNS records", configure_dns, needs_guest=False),),
)
