"""`kvmtui vm restore|password|stats`."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.actions import maintenance
from engine.audit import current_actor
from engine.errors import Refused
from engine.queries.login import login
from engine.queries.traffic import months
from kvmtui.terminal import names, open_site, output
from kvmtui.terminal.following import document, finish, follow
from kvmtui.terminal.names import VmRef
from kvmtui.terminal.options import AsJson, DryRun, Reason, Wait, Yes
from kvmtui.terminal.prompts import confirm_name
from kvmtui.terminal.request_preview import show_preview

app = typer.Typer()


@app.command()
def restore(
    ref: VmRef,
    backup: Annotated[str, typer.Argument(metavar="BACKUP", help="Backup, as `vm backup list` names it.")],
    yes: Yes = False,
    dry_run: DryRun = False,
    reason: Reason = "",
    as_json: AsJson = False,
    wait: Wait = None,
) -> int:
    """Overwrite a VM with a backup. Its product is applied again, and the VM started.

    \b
    kvmtui vm restore 5546 backup:backup/vzdump-qemu-2002-….vma.zst --dry-run
    kvmtui vm restore 5546 backup:backup/vzdump-qemu-2002-….vma.zst --yes --wait
    """
    with open_site.opened() if dry_run else open_site.changing():
        service_id, actor = names.service_of(ref), current_actor("cli", reason)
        if dry_run:
            return show_preview(lambda: maintenance.restore(actor, service_id, backup), as_json)
        confirm_name(names.name_of(service_id), "The VM's disks are overwritten by the backup.", yes)
        return finish(maintenance.restore(actor, service_id, backup), wait, as_json)


@app.command()
def password(
    ref: VmRef,
    show: Annotated[bool, typer.Option("--show", help="With --wait: print the password once.")] = False,
    reason: Reason = "",
    as_json: AsJson = False,
    wait: Wait = None,
) -> int:
    """Set a new password. The guest agent sets it, otherwise a restart does. It is mailed, never logged.

    \b
    kvmtui vm password 5546 --wait --show
    """
    if show and wait is None:
        raise Refused("--show needs --wait: before it is set there is nothing to show.")
    with open_site.changing():
        service_id = names.service_of(ref)
        queued = maintenance.reset_password(current_actor("cli", reason), service_id)
        if not show:
            return finish(queued, wait, as_json)
        output.message(queued.sentence)
        status = follow([queued], wait, output.message)
        user, clear = login(current_actor("cli", reason), service_id) if status == 0 else ("", "")
        if as_json:
            output.show_json(document(queued) | ({"user": user, "password": clear} if status == 0 else {}))
        elif status == 0:
            output.write(f"{user} {clear}")
        return status


@app.command()
def stats(
    ref: Annotated[
        str,
        typer.Argument(
            metavar="[REF]",
            help="Service id, vmid:N, or the VM's name.",
            autocompletion=names.completing("vm"),
        ),
    ] = "",
    month: Annotated[str, typer.Option(metavar="YYYY-MM", help="Only this month.")] = "",
    every: Annotated[bool, typer.Option("--all", help="All services, including terminated ones.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    as_json: AsJson = False,
) -> int:
    """Show the traffic of a service per month, for billing.

    \b
    kvmtui vm stats 5546 --month 2026-04 --csv
    kvmtui vm stats --all --month 2026-04 --json
    """
    if bool(ref) == every:
        raise Refused("Give a service, or --all for every service.")
    if as_csv and as_json:
        raise Refused("--csv and --json cannot be combined; choose one.")
    with open_site.opened():
        found = months(None if every else names.service_of(ref), month)
    if as_json:
        output.show_json(found)
    elif as_csv:
        output.write("service_id,month,bytes_in,bytes_out")
        for one in found:
            output.write(f"{one.service_id},{one.month},{one.bytes_in},{one.bytes_out}")
    else:
        heads = ("Service", "Month", "GiB in", "GiB out")
        rows = [(one.service_id, one.month, _gib(one.bytes_in), _gib(one.bytes_out)) for one in found]
        output.show_table(heads, rows, empty="Nothing was counted yet.")
    return 0


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f}"
