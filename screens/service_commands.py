"""What can be done to services, wherever they or their machines are chosen: keys of the scope `service`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.worker import Worker

from engine.actions import packages
from engine.actions.services import set_options
from engine.errors import Refused
from engine.forms import OptionsForm
from engine.plan import Change
from engine.queries.refs import names_of
from engine.queries.site import ServiceView, product_values, services
from screens import service_options
from screens.commanding import Commands
from screens.habits import bindings
from screens.place import actor
from screens.saving import told
from screens.service_options import OptionsDialog, allowances, lines_of
from screens.widgets.dialogs import Choice, Choose, Plan, PlanLine

_SHOWN = 100
"""Services of a bulk whose plan is shown line by line."""


class ServiceCommands(Commands):
    """Change package or options, suspend, unsuspend, terminate."""

    SCOPE = "service"
    BINDINGS = bindings("service")

    def do_suspend(self) -> Worker[None]:
        return self.each(lambda each: packages.suspend(actor(), each))

    def do_unsuspend(self) -> Worker[None]:
        return self.each(lambda each: packages.unsuspend(actor(), each))

    def do_terminate(self) -> Worker[None]:
        return self.run_worker(self._terminate(), group="dialog", exclusive=True)

    async def _terminate(self) -> None:
        chosen = self.chosen()
        consequences = ("The service ends.", "The VM, its disks and its DNS records are deleted.")
        if await self.typed(chosen, "Terminate", consequences):
            await self.carry_out(chosen, lambda each: packages.terminate(actor(), each))

    def do_package(self) -> Worker[None]:
        return self.run_worker(self._package(), group="dialog", exclusive=True)

    async def _package(self) -> None:
        """One product for everything chosen, after a look at what it would change in each."""
        chosen = self.chosen()
        if not chosen:
            self.one()
            return
        products = await self.read(lambda: names_of("product")) or []
        now = await self.read(lambda: _product_of(chosen))
        choices = [Choice(each, "as it is now" if each == now else "") for each in products]
        product = await self.app.push_screen_wait(Choose(f"Package of {_named(chosen)}", choices))
        plan = None if product is None else await self.read(lambda: _plan(chosen, product))
        if product is None or plan is None:
            return
        if await self.app.push_screen_wait(
            Plan(f"Change {_named(chosen)} to {product}", plan, note=_note(plan, len(chosen)))
        ):
            await self.carry_out(chosen, lambda each: packages.change_package(actor(), each, product))

    def do_options(self) -> Worker[None]:
        return self.run_worker(self._options(), group="dialog", exclusive=True)

    async def _options(self) -> None:
        """What one service has other than its product, after a look at what that would change."""
        service_id = self.one()
        found = None if service_id is None else await self.read(lambda: _with_spec(service_id))
        if service_id is None or found is None:
            return
        view, spec = found
        options = await self.app.push_screen_wait(OptionsDialog(service_id, view.options, spec))
        if options is None:
            return
        changes = await self.read(lambda: packages.plan_change(service_id, options=options))
        if changes is not None:
            await self._apply(view, spec, options, changes)

    async def _apply(
        self,
        view: ServiceView,
        spec: Mapping[str, Any],
        options: dict[str, Any],
        changes: Sequence[Change],
    ) -> None:
        """Asks for it: with a change of package when the machine differs, else the options alone."""
        quiet = allowances(view.options, options, spec)
        lines = [*lines_of(changes), *quiet] or [PlanLine("=", "Every option is as it was.")]
        note = service_options.INTERRUPTS if changes else service_options.AT_ONCE if quiet else ""
        if not await self.app.push_screen_wait(Plan(f"Options of service {view.id}", lines, note=note)):
            return
        if changes:
            await self.carry_out(
                (view.id,), lambda each: packages.change_package(actor(), each, options=options)
            )
        else:
            form = OptionsForm.model_validate(options)
            outcome = await self.read(lambda: set_options(view.id, form, actor()))
            if outcome is not None:
                self.notify(told(outcome), markup=False)


def _named(chosen: Sequence[int]) -> str:
    return f"service {chosen[0]}" if len(chosen) == 1 else f"{len(chosen)} services"


def _product_of(chosen: Sequence[int]) -> str:
    """The product all of them have; empty when they differ or are many."""
    if len(chosen) > _SHOWN:
        return ""
    names = {services(each)[0].product for each in chosen}
    return names.pop() if len(names) == 1 else ""


def _plan(chosen: Sequence[int], product: str) -> list[PlanLine]:
    """What the product would change in each machine; what is refused says why."""
    if len(chosen) == 1:
        changes = packages.plan_change(chosen[0], product)
        return lines_of(changes) or [PlanLine("=", "Nothing in the VM would change.")]
    lines = [_in_short(each, product) for each in chosen[:_SHOWN]]
    left = len(chosen) - len(lines)
    return [*lines, PlanLine("~", f"… and {left} more services")] if left else lines


def _in_short(service_id: int, product: str) -> PlanLine:
    """What it would change in one of many, on one line."""
    try:
        changes = lines_of(packages.plan_change(service_id, product))
    except Refused as refusal:
        return PlanLine("=", f"{service_id}: {refusal.sentence}")
    words = "; ".join(each.words for each in changes)
    return PlanLine("~" if changes else "=", f"{service_id}: {words or 'nothing in the VM changes'}")


def _note(plan: Sequence[PlanLine], many: int) -> str:
    if many > 1:
        return "Each VM is shut down and started again for it, whatever changes."
    changes = any(each.sign == "~" for each in plan)
    return service_options.INTERRUPTS if changes else service_options.QUIET


def _with_spec(service_id: int) -> tuple[ServiceView, Mapping[str, Any]]:
    view = services(service_id)[0]
    return view, product_values(view.product)
