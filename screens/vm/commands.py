"""The actions of the scope `vm`, for every screen on which VMs are chosen."""

from __future__ import annotations

from textual.worker import Worker

from engine.actions import names, records, vms
from engine.pipelines.command_table import COMMANDS, DESTRUCTIVE, needs_name
from engine.queries.addresses import addresses_of
from engine.queries.refs import vm_id_of_service
from engine.queries.runs import runs
from screens.common.bindings import bindings
from screens.consoles.commands import ConsoleCommands
from screens.framework.screen import actor
from screens.widgets.confirm import ConfirmAnswer
from screens.widgets.dialogs import Choice, Choose

_LASTING = ("terminate", "remove")
"""Resets that delete a VM, or call it deleted."""


class VmCommands(ConsoleCommands):
    """Power, redeploy, reset, log, record, delete record, single steps, DNS."""

    SCOPE = "vm"
    BINDINGS = bindings("vm")

    def do_menu(self) -> Worker[None]:
        return self.asks(self._menu())

    async def _menu(self) -> None:
        from screens.vm.actions_menu import choose

        await choose(self)

    def do_start(self) -> Worker[None]:
        return self.each(lambda each: vms.power(actor(), each, "start"))

    def do_shutdown(self) -> Worker[None]:
        return self._power("Shut down", "shutdown", "The guest is asked to shut down; it may refuse.")

    def do_stop(self) -> Worker[None]:
        return self._power(
            "Stop", "stop", "The VM is powered off at once; unsaved data in the guest is lost."
        )

    def do_reboot(self) -> Worker[None]:
        return self._power("Reboot", "reboot", "The guest is restarted.")

    def _power(self, verb: str, power: str, consequence: str) -> Worker[None]:
        return self.ask_sure(
            verb, lambda why: lambda each: vms.power(actor(why), each, power), (consequence,), reason=True
        )

    def do_dns(self) -> Worker[None]:
        return self.each(lambda each: vms.sync_dns(actor(), each))

    def do_redeploy(self) -> Worker[None]:
        return self.ask_sure(
            "Redeploy",
            lambda why: lambda each: vms.redeploy(actor(), each, why),
            ("The VM and its disks are deleted on Proxmox.", "It is deployed again from the first step."),
            typed=True,
            reason=True,
        )

    def do_reinstall(self) -> Worker[None]:
        return self.ask_sure(
            "Reinstall",
            lambda why: lambda each: vms.reinstall(actor(), each, reason=why),
            (DESTRUCTIVE["Reinstall"], "Addresses, MAC, VMID and backups stay."),
            typed=True,
            reason=True,
        )

    def do_delete_record(self) -> Worker[None]:
        return self.ask_sure(
            "Delete the record of",
            lambda why: lambda each: vms.delete_record(actor(), each, why),
            ("The record and its log are deleted, its addresses are released.", "Proxmox is not touched."),
            typed=True,
            reason=True,
        )

    def do_reset(self) -> Worker[None]:
        return self.asks(self._reset(self.chosen()))

    async def _reset(self, chosen: tuple[int, ...]) -> None:
        if not chosen:
            self.one()
            return
        tones = {"ready": "ok", "terminate": "warn", "remove": "error"}
        choices = [Choice(each, use, tones.get(each, "")) for each, use in vms.RESETS.items()]
        what = f"VM {await self.name_of(chosen[0])}" if len(chosen) == 1 else f"{len(chosen)} VMs"
        status = await self.app.push_screen_wait(Choose(f"Reset {what} to", choices))
        if status is None:
            return
        uses = (vms.RESETS[status],)
        agreed = await self.sure(chosen, "Reset", uses, to=status, typed=status in _LASTING, reason=True)
        if agreed is not None:
            await self.carry_out(chosen, lambda each: vms.reset(actor(), each, status, agreed.reason))

    def do_step(self) -> Worker[None]:
        return self.asks(self._step(self.chosen()))

    async def _step(self, chosen: tuple[int, ...]) -> None:
        if not chosen:
            self.one()
            return
        choices = [Choice(each.name, f"{_star(each.running):<2} {each.does}") for each in COMMANDS]
        what = await self.name_of(chosen[0]) if len(chosen) == 1 else f"{len(chosen)} VMs"
        legend = "* also while the VM runs · ** only while it is off"
        command = await self.app.push_screen_wait(Choose(f"Run one step on {what}", choices, legend=legend))
        if command is not None:
            await self._run_step(chosen, command)

    def ask_step(self, command: str) -> Worker[None]:
        """Runs one step on the chosen VMs after a question."""
        return self.asks(self._run_step(self.chosen(), command))

    async def _run_step(self, chosen: tuple[int, ...], command: str) -> None:
        """Acts on the VMs that were chosen before the question, whatever the list shows by now."""
        consequences = (DESTRUCTIVE.get(command) or does(command),)
        agreed: ConfirmAnswer | None = ConfirmAnswer()
        if command != "Start" or len(chosen) > 1:
            agreed = await self.sure(
                chosen, f"Run {command} on", consequences, typed=needs_name(command), reason=True
            )
        if agreed is not None:
            why = agreed.reason
            await self.carry_out(chosen, lambda each: vms.run_step(actor(why), each, command))

    def do_log(self) -> Worker[None]:
        return self.asks(self._log(self.one()))

    async def _log(self, service_id: int | None) -> None:
        from screens.vm.run_log import RunLog

        if service_id is None:
            return
        found = await self.read(lambda: runs(vm_id_of_service(service_id)))
        if found is not None:
            name = await self.name_of(service_id)
            self.app.push_screen(RunLog(name, found, service_id, lambda: runs(vm_id_of_service(service_id))))

    def do_password(self) -> Worker[None]:
        return self.asks(self._password(self.one()))

    async def _password(self, service_id: int | None) -> None:
        from screens.vm import password

        if service_id is not None:
            await password.ask(self, service_id)

    def do_record(self) -> Worker[None]:
        return self.asks(self._record(self.one()))

    async def _record(self, service_id: int | None) -> None:
        from screens.vm.record_editor import RecordDialog

        found = None if service_id is None else await self.read(lambda: records.view(service_id))
        if found is not None:
            self.app.push_screen(RecordDialog(found))

    def do_rdns(self) -> Worker[None]:
        return self.asks(self._rdns(self.one()))

    async def _rdns(self, service_id: int | None) -> None:
        found = None if service_id is None else await self.read(lambda: addresses_of(service_id))
        if not found or service_id is None:
            if found is not None:
                self.notify("This VM has no address yet.", severity="warning", markup=False)
            return
        choices = [Choice(each.address, each.rdns) for each in found]
        title = f"Reverse name of which address of {await self.name_of(service_id)}?"
        address = await self.app.push_screen_wait(Choose(title, choices))
        if address is not None:
            await self._give_name(service_id, address)

    def ask_reverse(self, service_id: int, address: str) -> Worker[None]:
        """Asks for the reverse name of this address, and gives it."""
        return self.asks(self._give_name(service_id, address))

    async def _give_name(self, service_id: int, address: str) -> None:
        from screens.vm.rdns_form import RdnsForm
        from screens.widgets.form import FormDialog, FormWidget

        found = await self.read(lambda: addresses_of(service_id))
        now = next((each for each in found or () if each.address == address), None)
        if now is None:
            return
        form = FormWidget(RdnsForm, values={"name": now.rdns if now.own else ""})
        form.suggest("name", now.rdns)
        answers = await self.app.push_screen_wait(FormDialog(f"Reverse name of {address}", form))
        if answers is not None:
            name = str(answers.get("name") or "")
            await self.carry_out((service_id,), lambda each: names.set_reverse(actor(), each, address, name))


def does(command: str) -> str:
    """What a step does, as a sentence."""
    return next(each.does for each in COMMANDS if each.name == command)


def _star(running: bool | None) -> str:
    """The legend's sign: may run while the VM runs, only while it is off, or no matter."""
    return {True: "*", False: "**", None: ""}[running]
