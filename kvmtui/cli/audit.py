"""`kvmtui audit`: who changed what, and whether the trail is whole."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine import audit as trail
from engine import audit_archive
from engine.audit import current_actor
from engine.audit_archive import archives
from engine.clock import now_ms, stamp
from engine.counting import counted
from engine.errors import Refused
from engine.queries.audit import AuditQuestion, oldest, stream
from engine.queries.changes import in_words
from engine.queries.time_input import moment
from kvmtui.terminal import open_site, output
from kvmtui.terminal.options import AsJson, Reason

if TYPE_CHECKING:
    from engine.queries.audit import AuditView

app = typer.Typer(invoke_without_command=True)
_HEADS = ("When (UTC)", "Who", "From", "Did", "To what", "Changed", "Reason", "Result")
_FIELDS = (
    "id", "at", "login", "ssh_client", "source", "action", "kind", "object_id", "object_name",
    "reason", "result", "before", "after",
)  # fmt: skip
_ARCHIVES = 5  # named below a list
_FORMULA = ("=", "+", "-", "@")


@app.callback(invoke_without_command=True)
def audit(
    context: typer.Context,
    text: Annotated[
        str, typer.Option(metavar="WORDS", help="Words anywhere in the entry, including old and new values.")
    ] = "",
    since: Annotated[
        str, typer.Option(metavar="WHEN", help="Start, such as 2026-04-10, 2026-04-10T03:49Z, 12h or 7d ago.")
    ] = "",
    until: Annotated[
        str, typer.Option(metavar="WHEN", help="End, in the same forms; a day is included.")
    ] = "",
    who: Annotated[str, typer.Option(help="Login, or the start of its client address.")] = "",
    what: Annotated[str, typer.Option(help="Action, such as restore.")] = "",
    about: Annotated[
        str,
        typer.Option(
            "--object",
            metavar="OBJECT",
            help="Object: vm:5546, server:pve-waw1, a kind such as vm, or a name.",
        ),
    ] = "",
    limit: Annotated[
        int, typer.Option(min=0, help="Maximum number of entries, newest first; 0 for all.")
    ] = 100,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
) -> None:
    """Show who changed what, when and from where, newest first.

    \b
    kvmtui audit --since 7d --object vm:5546
    kvmtui audit --who root --what terminate --json
    kvmtui audit --since 2026-04-01 --until 2026-04-30 --limit 0 --csv > april.csv
    kvmtui audit verify
    """
    if context.invoked_subcommand is not None:
        return

    if as_csv and as_json:
        raise Refused("--csv and --json cannot be combined; choose one.")
    question = AuditQuestion(
        text=text,
        who=who,
        what=what,
        object=about,
        since=moment(since) if since else None,
        until=moment(until, end=True) if until else None,
    )
    with open_site.opened():
        found = stream(question, limit or None)
        show = _show_json if as_json else _show_csv if as_csv else _show_table
        show(found)
        _tell_archives()


@app.command()
def verify(
    archives: Annotated[
        list[Path] | None,
        typer.Option(
            "--archive", metavar="FILE", help="Verify this archive too; may be given several times."
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Verify the hash chain of the log. Each row carries a hash over the row before it.

    The chain continues from the newest archive. Rows cut off at the end leave no trace: note the newest hash
    elsewhere to detect that too.

    \b
    kvmtui audit verify
    kvmtui audit verify --archive 2025.jsonl.gz --archive 2026.jsonl.gz
    """
    with open_site.opened():
        verdict = trail.verify()
        found, faults = audit_archive.verify_files(archives or [])
    if archives:
        verdict = replace(verdict, faults=(*faults, *verdict.faults))
    if as_json:
        output.show_json({**output.plain(verdict), **({"archives": output.plain(found)} if archives else {})})
    elif verdict.faults:
        output.write(verdict.faults[0])
        if more := len(verdict.faults) - 1:
            output.message(f"And {more} more after it.")
    else:
        for each in found:
            output.write(f"{each.path}: rows {each.first_id} to {each.last_id} follow each other.")
        output.write(
            f"All {verdict.rows} rows follow each other; the newest hash is {verdict.newest_hash or '-'}."
        )
    return 1 if verdict.faults else 0


@app.command()
def archive(
    file: Annotated[Path, typer.Argument(help="A file that does not exist yet; .gz compresses it.")],
    before: Annotated[
        str, typer.Option(metavar="DATE", help="Rows older than this: 2026-01-01, or 90d.")
    ] = "",
    keep_days: Annotated[
        int | None, typer.Option(min=1, max=36_600, help="Rows older than so many days. [default: 365]")
    ] = None,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Move old rows to a file whose hash chain still verifies.

    The file is readable by you alone and holds one JSON object per row. Keep it: the rows leave the database.

    \b
    kvmtui audit archive /var/backups/kvmtui/audit-2025.jsonl.gz --before 2026-01-01
    kvmtui audit archive audit.jsonl --keep-days 90
    """
    if before and keep_days is not None:
        raise Refused("--before and --keep-days cannot be combined; choose one.")
    at = moment(before) if before else now_ms() - (keep_days or 365) * 86_400_000
    with open_site.changing():
        written = audit_archive.archive(file, at, current_actor("cli", reason))
    if as_json:
        output.show_json(written)
        return
    output.write(
        f"{counted(written.rows, 'rows')} ({written.first_id} to {written.last_id}) "
        f"moved to {written.path}, SHA-256 {written.sha256}."
    )


def _tell_archives() -> None:
    """Where the changes are that are too old to be listed."""
    known = archives()
    if not known:
        return
    since = oldest()
    output.message(f"Older changes are archived; the list starts at {stamp(since) if since else '-'} UTC.")
    for each in known[-_ARCHIVES:]:
        output.message(f"Rows {each.first_id} to {each.last_id}: {each.path}")
    if (more := len(known) - _ARCHIVES) > 0:
        output.message(f"And {counted(more, 'older archives')}.")


def _show_table(found: Iterator[AuditView]) -> None:

    rows = [
        (
            *(stamp(each.at), each.login, each.ssh_client or each.source, each.action, each.about),
            *(in_words(each.kind, each.before, each.after), each.reason, each.result),
        )
        for each in found
    ]
    output.show_table(_HEADS, rows, "No changes match.")


def _show_json(found: Iterator[AuditView]) -> None:
    """One JSON document, written row by row."""
    opening = "["
    for each in found:
        output.write(opening + json.dumps(output.plain(each), ensure_ascii=False))
        opening = ","
    output.write("]" if opening == "," else "[]")


def _show_csv(found: Iterator[AuditView]) -> None:
    """A line per change; what a spreadsheet would run is marked as text."""
    output.write(",".join(_FIELDS))
    for each in found:
        values = output.plain(each)
        cells = [_cell(values[name]) for name in _FIELDS]
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(cells)
        output.write(line.getvalue())


def _cell(value: object) -> str:
    words = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    words = " ".join(words.splitlines())
    return f"'{words}" if words.startswith(_FORMULA) else words
