"""What an operator may do to a VM, with its guards. The command line and the console both come through here."""

from __future__ import annotations

from engine.actions.permission import needs
from engine.actions.requests import (
    Accepted,
    Queued,
    change,
    enqueue,
    label,
    put_into,
    refuse_suspended,
    subject,
    vm_of,
)
from engine.audit import Actor
from engine.errors import Refused
from engine.ipam import allocate
from engine.pipelines.command_table import check as legend_check
from engine.pipelines.command_table import exact_name
from engine.pipelines.registry import catalog
from engine.roles import Role
from engine.store.database import session
from engine.store.models import Run, Vm, VmidClaim
from engine.traffic import counters
from engine.work import requests

RESETS: dict[str, str] = {
    "ready": "Back to normal. After a manual fix, so that the engine leaves the VM alone.",
    "creation": "Deploy again from the first step. Use it after the cause of a failed deploy is fixed.",
    "set_ip": "Deploy again from the clone on, with the addresses it holds.",
    "change_package": "Run change-package again from the start.",
    "set_dns_records": "Correct every DNS record. Fast and safe.",
    "terminate": "Terminate again, after error_terminate.",
    "remove": "Mark it removed without asking Proxmox. Only if the VM is gone there.",
}
_POWER = {"start": "Start", "stop": "Stop", "shutdown": "Shutdown", "reboot": "Reboot"}
_GONE = ("remove",)
_STARTING = ("Start", "Reinstall")  # module commands that end with a VM that runs


@needs(Role.OPERATOR, "reset a VM")
def reset(actor: Actor, service_id: int, status: str, reason: str = "") -> Queued:
    """Switch a VM to one of the statuses it can be run again from."""
    if status not in RESETS:
        raise Refused(f"A VM cannot be reset to '{status}'; choose one of {', '.join(RESETS)}.")
    with session():
        vm = vm_of(service_id)

        def work() -> Accepted:
            _refuse_reset(requests.lock(vm.id), status)
            leads_to = catalog().of_status(status)
            number = put_into(vm, status, actor, pipeline=leads_to.name if leads_to else "")
            return Accepted(f"{subject(vm)} was set from {vm.vm_status} to {status}.", number)

        return change(actor, vm, "reset", work, reason, vm_status=status)


def _refuse_reset(vm: Vm, status: str) -> None:
    never_made = vm.vmid is None or not vm.node
    if never_made and status in ("change_package", "ready", "set_dns_records"):
        raise Refused(f"{subject(vm)} is not on Proxmox yet; reset it to creation or terminate.")
    if vm.vm_status == "remove" and status not in ("creation", "terminate", "remove"):
        raise Refused(f"{subject(vm)} is removed; only creation, terminate or delete-record are possible.")
    if status == "creation" and vm.service.status in ("Terminated", "Cancelled"):
        raise Refused(f"Service {vm.service_id} is {vm.service.status}; create a new one instead.")


@needs(Role.OPERATOR, "redeploy a VM")
def redeploy(actor: Actor, service_id: int, reason: str = "") -> Queued:
    """Destroy what was made and deploy from scratch; refused for a VM that is ready."""
    with session():
        vm = vm_of(service_id)

        def work() -> Accepted:
            _refuse_redeploy(requests.lock(vm.id))
            number = put_into(
                vm, vm.vm_status, actor, pipeline="Redeploy", action="Deploy", by_flow=True,
                why="replaced by a redeploy",
            )  # fmt: skip
            said = f"{subject(vm)} will be redeployed from scratch."
            return Accepted(said, number)

        return change(actor, vm, "redeploy", work, reason)


def _refuse_redeploy(vm: Vm) -> None:
    if vm.vm_status == "ready":
        raise Refused(f"{subject(vm)} is ready; redeploy is for VMs that are not. Use reinstall.")
    if vm.service.status in ("Terminated", "Cancelled"):
        raise Refused(f"Service {vm.service_id} is {vm.service.status}; create a new one instead.")
    refuse_suspended(vm, "redeploy")


@needs(Role.OPERATOR, "reinstall a VM")
def reinstall(actor: Actor, service_id: int, template: str = "", reason: str = "") -> Queued:
    """Wipe the VM and make it again; addresses, MAC, VLAN, VMID and backups stay."""
    with session():
        vm = vm_of(service_id)
        _refuse_gone(vm)
        refuse_suspended(vm, "reinstall")
        args = {"template": template} if template else {}
        return change(
            actor, vm, "reinstall", lambda: enqueue(vm, "Reinstall", actor, args), reason, template=template
        )


@needs(Role.SUPPORT, "start, stop or reboot a VM")
def power(actor: Actor, service_id: int, verb: str) -> Queued:
    """start, stop, shutdown or reboot."""
    with session():
        vm = vm_of(service_id)
        _refuse_gone(vm)
        if verb in ("start", "reboot"):
            refuse_suspended(vm, verb)
        if verb == "start" and vm.vm_status != "ready":
            raise Refused(f"{subject(vm)} is not ready ({vm.vm_status}); its pipeline starts it.")
        return change(actor, vm, verb, lambda: enqueue(vm, _POWER[verb], actor))


@needs(Role.OPERATOR, "run a single step")
def run_step(actor: Actor, service_id: int, command: str) -> Queued:
    """One module command by its name; the legend decides whether it may run now."""
    with session():
        vm = vm_of(service_id)
        _refuse_gone(vm)
        command = exact_name(command)
        if command in _STARTING:
            refuse_suspended(vm, command)
        if refusal := legend_check(command, vm.vm_status, vm.remote_status == "running"):
            raise Refused(f"'{command}' was not run on {label(vm)}: {refusal}")
        return change(actor, vm, "run-step", lambda: enqueue(vm, command, actor), command=command)


@needs(Role.OPERATOR, "rewrite the DNS records of a VM")
def sync_dns(actor: Actor, service_id: int) -> Queued:
    """Make every DNS record of the VM right."""
    with session():
        vm = vm_of(service_id)
        _refuse_gone(vm)
        return change(actor, vm, "dns", lambda: enqueue(vm, "SetDnsRecords", actor))


@needs(Role.OPERATOR, "delete the record of a VM")
def delete_record(actor: Actor, service_id: int, reason: str = "") -> Queued:
    """Forget a VM that is removed or could not be terminated; Proxmox is not asked, its addresses are freed."""
    with session():
        vm = vm_of(service_id)

        def work() -> Accepted:
            status = requests.lock(vm.id).vm_status
            if status not in ("remove", "error_terminate"):
                raise Refused(
                    f"{subject(vm)} is in {status}; its record can be deleted only in remove or error_terminate."
                )
            put_into(vm, vm.vm_status, actor, why="the VM's record was deleted")
            allocate.release(vm)
            VmidClaim.update(state="tombstone", vm=None, why=f"record of service {service_id} deleted").where(
                VmidClaim.vm == vm.id
            ).execute()
            counters.forget(vm.id)
            Vm.delete().where(Vm.id == vm.id).execute()
            return Accepted(f"The record of {label(vm)} was deleted. Proxmox was not touched.")

        return change(actor, vm, "delete-record", work, reason, runs=_runs(vm))


def _runs(vm: Vm) -> int:
    return int(Run.select().where(Run.vm == vm.id).count())


def _refuse_gone(vm: Vm) -> None:
    if vm.vm_status in _GONE:
        raise Refused(f"{subject(vm)} is removed; only its record is left.")
    if vm.vm_status in ("terminate", "error_terminate"):
        raise Refused(
            f"{subject(vm)} is being terminated ({vm.vm_status}); reset it first if that was a mistake."
        )
