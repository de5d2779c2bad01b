"""DNS zones: which provider holds them, and whether it answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from textual.worker import Worker

from engine.actions.names import test_zone
from engine.actions.repository import PutResult
from engine.actions.zones import create_zone, delete_zone, put_zone
from engine.forms import Form, ZoneForm, zone_form, zone_forms
from engine.queries.inventory import ZoneView, zone_values, zones
from screens.common.bindings import bindings
from screens.common.times import ago
from screens.framework.check_results import CheckLine, CheckResultsDialog
from screens.framework.form_questions import nested, questions
from screens.framework.records_screen import RecordsScreen
from screens.framework.screen import actor
from screens.widgets.dialogs import Choice, Choose
from screens.widgets.fields import FormField, merged
from screens.widgets.rows import Cell, Column, TableRow

BY = "type"
_SIGNS = {True: "+", False: "-", None: "="}
_LAST = ("ttl", "tls__fingerprint", "tls__ca_file")
"""What hardly anybody changes comes last."""


class ZonesScreen(RecordsScreen):
    """The DNS zones of the site."""

    NAME = SCOPE = "zones"
    BINDINGS = bindings("zones")
    COMMAND = "kvmtui zone list"
    NOUN = "zone"
    EMPTY = "No DNS zone yet.\nPress + to add one, then t to test its provider."
    TALL = 2
    COLUMNS = (
        Column("id", "ID", 3, 4, right=True),
        Column("zone", "Zone", 24, grow=True),
        Column("type", "Provider", 10),
        Column("ok", "Tested", 16, 1, grow=True),
        Column("records", "Records", 7, 2, right=True),
        Column("endpoint", "Where", 16, 3, grow=True),
    )

    def rows(self) -> Sequence[TableRow]:
        return [_row(each) for each in zones()]

    def values(self, key: Any) -> Mapping[str, Any]:
        return zone_values(key)

    def fields(self, key: Any) -> Sequence[FormField]:
        """The form of a new zone asks for the provider first; an existing zone keeps its provider."""
        variants = {kind: questions(form) for kind, form in zone_forms().items()}
        if key is not None:
            return _in_order(variants[str(self.values(key)[BY])])
        common = {*ZoneForm.model_fields, BY}
        return _in_order([_of_provider(each, variants, common) for each in merged(BY, variants)])

    def form(self, answers: Mapping[str, object]) -> Form:
        return zone_form(nested(answers))

    def save(self, form: Any, key: Any) -> PutResult:
        return create_zone(form, actor()) if key is None else put_zone(form, actor(), key)

    def delete(self, key: Any) -> None:
        delete_zone(key, actor(), forget_records=True)  # the dialog explained it, and the operator chose it

    def losses(self, key: Any) -> Sequence[str]:
        ours = _records(key)
        return (
            "VMs no longer get names in it.",
            f"{ours} records of ours stay at the provider for ever, forgotten here."
            if ours
            else "No record of ours is in it.",
        )

    async def _delete(self, key: Any) -> None:
        """With our records in the zone, the first choice is to keep it."""
        ours = await self.in_thread(lambda: _records(key))
        if ours:
            choices = (
                Choice("keep", "Keep the zone; terminate its VMs first."),
                Choice("forget", f"Delete it and forget our {ours} records; they stay at the provider."),
            )
            question = Choose(f"Zone {self.name_of(key)} holds {ours} records of ours", choices, danger=True)
            if await self.app.push_screen_wait(question) != "forget":
                return
        if ours is not None:
            await super()._delete(key)

    def name_of(self, key: Any) -> str:
        row = self.list.current
        return row.cell(1).text if row is not None and row.key == key else str(key)

    def commands(self) -> list[str]:
        key = self.list.cursor_key
        return [*([f"kvmtui zone test {key}"] if key else []), "kvmtui zone list --json"]

    def do_test(self) -> Worker[None] | None:
        key = self.current()
        return None if key is None else self.run_worker(self._test(key), group="check", exclusive=True)

    async def _test(self, key: int) -> None:
        self.notify("Asking the provider …", markup=False, timeout=3)
        report = await self.in_thread(lambda: test_zone(key))
        if report is not None:
            found = [CheckLine(_SIGNS[each.ok], each.name, each.sentence) for each in report.checks]
            failed = next((at for at, each in enumerate(found) if each.sign == "-"), None)
            if failed is not None:
                found[failed] = replace(found[failed], fix=report.advice)
            self.app.push_screen(CheckResultsDialog(f"Zone {report.zone}", found))
            self.reread()


def _records(key: int) -> int:
    """How many records in a zone are ours."""
    return next((each.records for each in zones() if each.id == key), 0)


def _of_provider(
    field: FormField, variants: Mapping[str, Sequence[FormField]], common: Collection[str]
) -> FormField:
    """Fields of providers are shown once one is chosen, even if all of them have it."""
    if field.name in common:
        return field
    owners = [kind for kind, fields in variants.items() if any(each.name == field.name for each in fields)]
    return replace(field, when=(BY, frozenset(owners)))


def _in_order(fields: Sequence[FormField]) -> tuple[FormField, ...]:
    """Zone and provider first, then what the provider wants, then what may stay as it is."""
    first = ("zone", BY)
    by_name = {each.name: each for each in fields}
    middle = [name for name in by_name if name not in (*first, *_LAST)]
    return tuple(by_name[name] for name in (*first, *middle, *_LAST) if name in by_name)


def _row(each: ZoneView) -> TableRow:
    """A zone as a line of the list: what it is for, where, and whether it answered."""
    if each.last_error:
        tested = Cell("- failed", "error", below=each.last_error)
    elif each.last_ok is None:
        tested = Cell("? not yet", "muted", below="t tests it")
    else:
        tested = Cell("+ answers", "ok", below=ago(each.last_ok))
    return TableRow(
        each.id,
        (
            str(each.id),
            Cell(each.zone, below="reverse" if each.reverse else "forward"),
            each.type,
            tested,
            str(each.records),
            each.endpoint,
        ),
    )
