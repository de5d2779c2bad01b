"""Adopt an existing guest as a service, after showing it and asking for its name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from textual.worker import Worker

from engine.actions import adoption
from engine.forms import checked
from engine.forms.adoption import AdoptForm
from engine.queries.adoption import Survey, survey
from engine.queries.changes import shown
from engine.queries.refs import names_of
from screens.common.text import plain
from screens.framework.form_questions import faults, nested, questions
from screens.framework.save_dialog import error_text
from screens.framework.screen import BaseScreen, actor
from screens.widgets.dialogs import Notice, PlanDialog, PlanLine, TypeName
from screens.widgets.form import FormDialog, FormWidget

_ONLY = "Nothing in the guest changes now but its notes, which get the ownership mark."


class Adopts(BaseScreen):
    """A screen from which a guest can be adopted."""

    def server_at_hand(self) -> str:
        """The server the form begins with; empty when none is meant."""
        return ""

    def do_adopt(self) -> Worker[None]:
        return self.run_worker(self._adopt(), group="dialog", exclusive=True)

    async def _adopt(self) -> None:
        names = await self.in_thread(
            lambda: {kind: names_of(kind) for kind in ("server", "client", "product")}
        )
        if names is None:
            return
        dialog = AdoptDialog(names, self.server_at_hand())
        await self.app.push_screen_wait(dialog)
        if dialog.form_taken is None or dialog.seen is None:
            return
        if await self._agreed(dialog.seen):
            await self._take(dialog.form_taken, dialog.seen)

    async def _agreed(self, seen: Survey) -> bool:
        """Shows what was found, and asks for the name if the guest can be adopted."""
        called = plain(seen.called)
        if seen.refusals:
            words = "\n".join([*seen.refusals, "", *(f"{each.sign} {each.words}" for each in _lines(seen))])
            self.app.push_screen(Notice(f"VM {seen.vmid} ({called}) cannot be adopted", words, danger=True))
            return False
        look = PlanDialog(f"VM {seen.vmid} ({called}), as found", list(_lines(seen)), yes="Continue")
        if not await self.app.push_screen_wait(look):
            return False
        question = f"Adopt VM {seen.vmid} on {seen.server} for {plain(seen.client)}?"
        return (
            await self.app.push_screen_wait(TypeName(question, seen.called, (_ONLY, adoption.ADOPTS))) is True
        )

    async def _take(self, form: AdoptForm, seen: Survey) -> None:
        queued = await self.in_thread(lambda: adoption.adopt(actor(), form, seen.called, seen.digest))
        if queued is not None:
            self.notify(plain(queued.sentence), markup=False, timeout=8)
            self.reread()


class AdoptDialog(FormDialog):
    """Asks which guest, and stays open until the guest could be looked at."""

    def __init__(self, names: Mapping[str, list[str]], server: str) -> None:
        form = FormWidget(
            fields=questions(AdoptForm),
            judge=lambda answers: faults(lambda: checked(AdoptForm, nested(answers)), answers),
            values={"server": server} if server in names["server"] else {},
            choices=names,
        )
        super().__init__("Adopt a guest of a cluster", form, save="Look at it")
        self._looking = False
        self.form_taken: AdoptForm | None = None
        self.seen: Survey | None = None

    def taken(self, values: dict[str, object]) -> None:
        """A second enter while the first look is under way asks nothing twice."""
        if not self._looking:
            self._looking = True
            self.run_worker(self._look(values), group="save")

    async def _look(self, values: dict[str, object]) -> None:
        self.form_taken = checked(AdoptForm, nested(values))
        form = self.form_taken
        try:
            self.seen = await asyncio.to_thread(lambda: survey(form))
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the operator gets a sentence
            self.say(error_text(error))
        else:
            self.dismiss(values)
        self._looking = False


def _lines(seen: Survey) -> Iterator[PlanLine]:
    """The guest in lines: what it is, how it differs from the product, what stays unchanged."""
    yield PlanLine("=", f"{seen.node}, {seen.status}, system {seen.system}")
    vlan = f" VLAN {seen.vlan}" if seen.vlan else ""
    yield PlanLine("=", f"card {seen.mac} on {seen.bridge}{vlan}" if seen.mac else "no card net0")
    for found in seen.addresses:
        sign, words = ("-", found.clash) if found.clash else ("+", found.source)
        yield PlanLine(sign, f"address {found.address}/{found.prefix}: {words}")
    for each in seen.beside:
        same = each.found == each.product
        product = "as in the product" if same else f"product: {shown(each.product)}"
        yield PlanLine("=", f"{_name(each.name)}: {shown(each.found)}, {product}")
    yield from (PlanLine("=", note) for note in seen.notes)


def _name(field: str) -> str:
    return field.replace("_", " ").replace(".", " ")
