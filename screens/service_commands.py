"""What can be done to services, wherever they or their machines are chosen: keys of the scope `service`."""

from __future__ import annotations

from textual.worker import Worker

from engine.actions import packages
from engine.queries.refs import names_of
from engine.queries.site import services
from screens.commanding import Commands
from screens.habits import bindings
from screens.place import actor
from screens.widgets.dialogs import Choice, Choose, Plan, PlanLine


class ServiceCommands(Commands):
    """Change package, suspend, unsuspend, terminate."""

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
        service_id = self.one()
        now = None if service_id is None else await self.read(lambda: services(service_id)[0])
        if service_id is None or now is None:
            return
        products = await self.read(lambda: names_of("product")) or []
        choices = [Choice(each, "as it is now" if each == now.product else "") for each in products]
        product = await self.app.push_screen_wait(Choose(f"Package of service {service_id}", choices))
        if product is None:
            return
        changes = await self.read(lambda: packages.plan_change(service_id, product))
        if changes is None:
            return
        lines = [
            PlanLine("~", f"{each.field}: {each.old} → {each.new}{_pause(each.needs_stop)}")
            for each in changes
        ] or [PlanLine("=", "Nothing in the VM would change.")]
        if await self.app.push_screen_wait(Plan(f"Change service {service_id} to {product}", lines)):
            await self.carry_out((service_id,), lambda each: packages.change_package(actor(), each, product))


def _pause(needs_stop: bool) -> str:
    return "  (the VM is stopped for it)" if needs_stop else ""
