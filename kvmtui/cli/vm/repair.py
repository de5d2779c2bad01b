"""`kvmtui vm reset|redeploy|reinstall|run-step|repair-disk|delete-record`: for VMs that are stuck."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.actions import maintenance, vms
from engine.audit import current_actor
from engine.pipelines import command_table
from engine.queries.disk_repair import disk_repairs
from kvmtui.terminal import names, open_site, output
from kvmtui.terminal.following import finish
from kvmtui.terminal.names import VmRef
from kvmtui.terminal.options import AsJson, DryRun, Reason, Wait, Yes
from kvmtui.terminal.prompts import confirm_name
from kvmtui.terminal.request_preview import show_preview

app = typer.Typer()


@app.command()
def reset(
    ref: VmRef,
    status: Annotated[str, typer.Argument(help="ready, creation, set_ip, change_package, …")],
    reason: Reason = "",
    as_json: AsJson = False,
    wait: Wait = None,
) -> int:
    """Set the status of a VM, to continue its work from there.

    \b
    ready            back to normal; the engine does nothing
    creation         deploy again from the first step
    set_ip           deploy again from the clone step, keeping its addresses
    change_package   run the whole change-package again
    set_dns_records  correct every DNS record
    terminate        terminate again, after error_terminate
    remove           mark it removed without asking Proxmox

    \b
    kvmtui vm reset 5546 creation --reason "pool was full" --wait
    """
    with open_site.changing():
        return finish(vms.reset(current_actor("cli", reason), names.service_of(ref), status), wait, as_json)


@app.command()
def redeploy(
    ref: VmRef,
    yes: Yes = False,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
    wait: Wait = None,
) -> int:
    """Remove a VM that is not ready and deploy it from scratch.

    \b
    kvmtui vm redeploy 5546 --dry-run
    kvmtui vm redeploy 5546 --yes --wait
    """
    with open_site.opened() if dry_run else open_site.changing():
        service_id, actor = names.service_of(ref), current_actor("cli", reason)
        if dry_run:
            return show_preview(lambda: vms.redeploy(actor, service_id), as_json)
        confirm_name(names.name_of(service_id), "The VM is destroyed on Proxmox and deployed again.", yes)
        return finish(vms.redeploy(actor, service_id), wait, as_json)


@app.command()
def reinstall(
    ref: VmRef,
    template: Annotated[str, typer.Option(help="Different template, by VMID or name.")] = "",
    yes: Yes = False,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
    wait: Wait = None,
) -> int:
    """Wipe a VM and install it again. Addresses, MAC, VLAN, VMID and backups are kept.

    \b
    kvmtui vm reinstall 5546 --dry-run
    kvmtui vm reinstall 5546 --template 9001 --yes
    """
    with open_site.opened() if dry_run else open_site.changing():
        service_id, actor = names.service_of(ref), current_actor("cli", reason)
        if dry_run:
            return show_preview(lambda: vms.reinstall(actor, service_id, template), as_json)
        confirm_name(
            names.name_of(service_id), "Everything on the VM's disks and its snapshots is lost.", yes
        )
        return finish(vms.reinstall(actor, service_id, template), wait, as_json)


@app.command("run-step")
def run_step(
    ref: VmRef,
    command: Annotated[str, typer.Argument(help='Step, such as "Set Network".')],
    yes: Yes = False,
    reason: Reason = "",
    as_json: AsJson = False,
    wait: Wait = None,
) -> int:
    """Run a single step by its name.

    `*` works while the VM runs, `**` only while it is off, `->` leads to the next step of a deploy.

    \b
    kvmtui vm run-step 5546 "Set Network" --wait
    """
    with open_site.changing():
        service_id = names.service_of(ref)
        exact = command_table.exact_name(command)
        if exact in command_table.DESTRUCTIVE:
            confirm_name(names.name_of(service_id), command_table.DESTRUCTIVE[exact], yes)
        return finish(vms.run_step(current_actor("cli", reason), service_id, exact), wait, as_json)


@app.command("repair-disk")
def repair_disk(
    ref: VmRef,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
    wait: Wait = None,
) -> int:
    """Convert raw disks on file storage to qcow2. The VM can be snapshotted afterwards.

    Each disk stays on its storage; the VM may run. The storage needs room for a copy while a disk is converted.

    \b
    kvmtui vm repair-disk 5546 --dry-run
    kvmtui vm repair-disk 5546 --wait
    """
    if not dry_run:
        with open_site.changing():
            return finish(
                maintenance.repair_disks(current_actor("cli", reason), names.service_of(ref)), wait, as_json
            )
    with open_site.opened():
        found = disk_repairs(names.service_of(ref))
    if as_json:
        output.show_json(found)
        return 0
    rows = [
        (one.disk, one.storage, one.format, f"{one.size_gib:g} GiB", one.action, one.note) for one in found
    ]
    output.show_table(
        ("Disk", "Storage", "Format", "Size", "Action", "Note"), rows, empty="The VM has no disks."
    )
    return 0


@app.command("delete-record")
def delete_record(ref: VmRef, yes: Yes = False, reason: Reason = "", as_json: AsJson = False) -> int:
    """Delete the record of a removed VM. It must be in remove or error_terminate; Proxmox is not touched.

    \b
    kvmtui vm delete-record 5546 --reason "removed by hand on the node" --yes
    """
    with open_site.changing():
        service_id = names.service_of(ref)
        confirm_name(names.name_of(service_id), "The record, its runs and its log are deleted here.", yes)
        return finish(vms.delete_record(current_actor("cli", reason), service_id), None, as_json)
