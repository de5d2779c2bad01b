"""The actions of the scope `service`, for every screen on which services or their VMs are chosen."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from textual.worker import Worker

from engine.actions import packages
from engine.actions.services import set_options
from engine.errors import Refused
from engine.forms import OptionsForm
from engine.plan import effective
from engine.queries.effects import Effect, effects_of
from engine.queries.inventory import ProductView, ServiceView, product_values, products, services, services_in
from screens.common.bindings import bindings
from screens.common.text import with_service
from screens.framework.commands import Commands
from screens.framework.save_dialog import result_text
from screens.framework.screen import actor
from screens.services.options import AT_ONCE, INTERRUPTS, QUIET, OptionsDialog, lines_of
from screens.widgets.dialogs import Choice, Choose, PlanDialog, PlanLine

_SHOWN = 100
"""Services of a bulk whose plan is shown line by line."""


class ServiceCommands(Commands):
    """Change product or options, suspend, unsuspend, terminate."""

    SCOPE = "service"
    BINDINGS = bindings("service")

    def do_suspend(self) -> Worker[None]:
        return self.ask_sure(
            "Suspend",
            lambda why: lambda each: packages.suspend(actor(), each, why),
            (
                "The VM is stopped and the service marked Suspended.",
                "The reason is shown to whoever wants to start it.",
            ),
            reason=True,
        )

    def do_unsuspend(self) -> Worker[None]:
        return self.ask_sure(
            "Unsuspend",
            lambda why: lambda each: packages.unsuspend(actor(), each, why),
            ("The service becomes Active and the VM is started.",),
            reason=True,
        )

    def do_terminate(self) -> Worker[None]:
        return self.ask_sure(
            "Terminate",
            lambda why: lambda each: packages.terminate(actor(), each, why),
            ("The service ends.", "The VM, its disks and its DNS records are deleted."),
            typed=True,
            reason=True,
        )

    def do_package(self) -> Worker[None]:
        return self.asks(self._package(self.chosen()))

    async def _package(self, chosen: tuple[int, ...]) -> None:
        """One product for everything chosen, after a look at what it would change in each."""
        if not chosen:
            self.one()
            return
        choices = await self.read(lambda: _choices(chosen))
        if choices is None:
            return
        what = await self.named(chosen[0]) if len(chosen) == 1 else f"{len(chosen)} services"
        product = await self.app.push_screen_wait(Choose(f"Product of {what}", choices))
        plan = None if product is None else await self.read(lambda: _plan(chosen, product))
        if product is None or plan is None:
            return
        look = PlanDialog(f"Change {what} to {product}", plan, note=_note(plan, len(chosen)))
        if not await self.app.push_screen_wait(look):
            return
        if len(chosen) == 1 or await self.sure(chosen, "Change", (_note(plan, len(chosen)),), to=product):
            await self.carry_out(chosen, lambda each: packages.change_package(actor(), each, product))

    def do_options(self) -> Worker[None]:
        return self.asks(self._options(self.one()))

    async def _options(self, service_id: int | None) -> None:
        """The overrides of one service, after a look at what they would change."""
        found = None if service_id is None else await self.read(lambda: _with_spec(service_id))
        if service_id is None or found is None:
            return
        view, spec = found
        options = await self.app.push_screen_wait(
            OptionsDialog(with_service(view.vm, service_id), view.options, spec)
        )
        if options is None:
            return
        effects = await self.read(lambda: effects_of(service_id, options=options))
        if effects is not None:
            await self._apply(view, options, effects)

    async def _apply(self, view: ServiceView, options: dict[str, Any], effects: Sequence[Effect]) -> None:
        """Asks for it: with change-package when the VM differs, else the options alone."""
        changes = any(each.when == "change" for each in effects)
        lines = lines_of(effects) or [PlanLine("=", "Nothing in the VM would change.")]
        note = INTERRUPTS if changes else AT_ONCE
        title = f"Options of {with_service(view.vm, view.id)}"
        if not await self.app.push_screen_wait(PlanDialog(title, lines, note=note)):
            return
        if changes:
            await self.carry_out(
                (view.id,), lambda each: packages.change_package(actor(), each, options=options)
            )
        else:
            form = OptionsForm.model_validate(options)
            outcome = await self.read(lambda: set_options(view.id, form, actor()))
            if outcome is not None:
                self.notify(result_text(outcome), markup=False)


def _choices(chosen: Sequence[int]) -> list[Choice]:
    """Every product with its summary; those the VMs cannot have say why."""
    views = services_in(chosen[:_SHOWN])
    now, servers = {each.product for each in views}, {each.server for each in views}
    return [Choice(each.name, _use(each, now, servers)) for each in products()]


def _use(product: ProductView, now: Collection[str], servers: Collection[str]) -> str:
    if product.server not in servers:
        return f"for server {product.server}; change-package moves no VM"
    plan = effective(product.spec, {})
    disk = f"{plan.system_disk.size} GiB" if plan.system_disk.size else "the template's disk"
    words = f"{plan.cores * plan.sockets} CPU, {plan.memory} MiB, {disk}"
    return f"as it is now: {words}" if set(now) == {product.name} else words


def _plan(chosen: Sequence[int], product: str) -> list[PlanLine]:
    """What the product would change in each VM; what is refused says why."""
    if len(chosen) == 1:
        return lines_of(effects_of(chosen[0], product)) or [PlanLine("=", "Nothing in the VM would change.")]
    lines = [_in_short(each, product) for each in chosen[:_SHOWN]]
    left = len(chosen) - len(lines)
    return [*lines, PlanLine("~", f"… and {left} more services")] if left else lines


def _in_short(service_id: int, product: str) -> PlanLine:
    """What it would change in one of many, on one line."""
    try:
        changes = lines_of(effects_of(service_id, product))
    except Refused as refusal:
        return PlanLine("=", f"{service_id}: {refusal.sentence}")
    words = "; ".join(each.words for each in changes)
    return PlanLine("~" if changes else "=", f"{service_id}: {words or 'nothing in the VM changes'}")


def _note(plan: Sequence[PlanLine], many: int) -> str:
    if many > 1:
        return "Each VM is shut down and started again, whatever changes."
    changes = any(each.sign == "~" for each in plan)
    return INTERRUPTS if changes else QUIET


def _with_spec(service_id: int) -> tuple[ServiceView, Mapping[str, Any]]:
    view = services(service_id)[0]
    return view, product_values(view.product)
