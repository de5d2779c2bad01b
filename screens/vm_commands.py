"""What can be done to machines, wherever they are chosen: the keys of the scope `vm`."""

from __future__ import annotations

from textual.worker import Worker

from engine.actions import names, records, vms
from engine.pipelines.legend import COMMANDS, DESTRUCTIVE, needs_name
from engine.queries.addresses import addresses_of
from engine.queries.refs import vm_id_of_service
from engine.queries.runs import runs
from screens.consoles import ConsoleCommands
from screens.habits import bindings
from screens.place import actor
from screens.widgets.dialogs import Choice, Choose


class VmCommands(ConsoleCommands):
    """Redeploy, reset, log, record, delete record, steps, power, DNS."""

    SCOPE = "vm"
    BINDINGS = bindings("vm")

    def do_start(self) -> Worker[None]:
        return self.each(lambda each: vms.power(actor(), each, "start"))

    def do_stop(self) -> Worker[None]:
        return self.each(lambda each: vms.power(actor(), each, "stop"))

    def do_reboot(self) -> Worker[None]:
        return self.each(lambda each: vms.power(actor(), each, "reboot"))

    def do_dns(self) -> Worker[None]:
        return self.each(lambda each: vms.sync_dns(actor(), each))

    def do_redeploy(self) -> Worker[None]:
        return self._named(
            "Redeploy",
            ("The VM and its disks are deleted on Proxmox.", "It is deployed again from the first step."),
            lambda each: vms.redeploy(actor(), each),
        )

    def do_reinstall(self) -> Worker[None]:
        return self._named(
            "Reinstall",
            (DESTRUCTIVE["Reinstall"], "Addresses, MAC, VMID and backups stay."),
            lambda each: vms.reinstall(actor(), each),
        )

    def do_delete_record(self) -> Worker[None]:
        return self._named(
            "Delete the record of",
            ("The record and its log are dropped, its addresses are freed.", "Proxmox is not touched."),
            lambda each: vms.delete_record(actor(), each),
        )

    def _named(self, verb: str, consequences: tuple[str, ...], request: object) -> Worker[None]:
        return self.run_worker(self._ask_name(verb, consequences, request), group="dialog", exclusive=True)

    async def _ask_name(self, verb: str, consequences: tuple[str, ...], request: object) -> None:
        chosen = self.chosen()
        if await self.typed(chosen, verb, consequences):
            await self.carry_out(chosen, request)  # type: ignore[arg-type]

    def do_reset(self) -> Worker[None]:
        return self.run_worker(self._reset(), group="dialog", exclusive=True)

    async def _reset(self) -> None:
        chosen = self.chosen()
        if not chosen:
            self.one()
            return
        tones = {"ready": "ok", "terminate": "warn", "remove": "error"}
        choices = [Choice(each, use, tones.get(each, "")) for each, use in vms.RESETS.items()]
        what = f"VM {await self.name_of(chosen[0])}" if len(chosen) == 1 else f"{len(chosen)} VMs"
        status = await self.app.push_screen_wait(Choose(f"Reset {what} to", choices))
        if status is not None:
            await self.carry_out(chosen, lambda each: vms.reset(actor(), each, status))

    def do_step(self) -> Worker[None]:
        return self.run_worker(self._step(), group="dialog", exclusive=True)

    async def _step(self) -> None:
        if not self.chosen():
            self.one()
            return
        choices = [Choice(each.name, f"{_star(each.running):<2} {each.does}") for each in COMMANDS]
        title = "Run one step   (* also while the VM runs, ** only while it is off)"
        command = await self.app.push_screen_wait(Choose(title, choices))
        if command is not None:
            await self._run_step(command)

    def ask_step(self, command: str) -> Worker[None]:
        """Runs one step; one that destroys asks for the name first."""
        return self.run_worker(self._run_step(command), group="dialog", exclusive=True)

    async def _run_step(self, command: str) -> None:
        chosen = self.chosen()
        if needs_name(command) and not await self.typed(chosen, f"Run {command} at", (DESTRUCTIVE[command],)):
            return
        await self.carry_out(chosen, lambda each: vms.run_step(actor(), each, command))

    def do_log(self) -> Worker[None]:
        return self.run_worker(self._log(), group="dialog", exclusive=True)

    async def _log(self) -> None:
        from screens.run_log import RunLog

        service_id = self.one()
        if service_id is None:
            return
        found = await self.read(lambda: runs(vm_id_of_service(service_id)))
        if found is not None:
            name = await self.name_of(service_id)
            self.app.push_screen(RunLog(name, found, service_id, lambda: runs(vm_id_of_service(service_id))))

    def do_password(self) -> Worker[None]:
        return self.run_worker(self._password(), group="dialog", exclusive=True)

    async def _password(self) -> None:
        from screens.vm import password

        service_id = self.one()
        if service_id is not None:
            await password.ask(self, service_id)

    def do_record(self) -> Worker[None]:
        return self.run_worker(self._record(), group="dialog", exclusive=True)

    async def _record(self) -> None:
        from screens.record import RecordDialog

        service_id = self.one()
        found = None if service_id is None else await self.read(lambda: records.view(service_id))
        if found is not None:
            self.app.push_screen(RecordDialog(found))

    def do_rdns(self) -> Worker[None]:
        return self.run_worker(self._rdns(), group="dialog", exclusive=True)

    async def _rdns(self) -> None:
        service_id = self.one()
        found = None if service_id is None else await self.read(lambda: addresses_of(service_id))
        if not found or service_id is None:
            if found is not None:
                self.notify("This VM has no address yet.", severity="warning", markup=False)
            return
        choices = [Choice(each.address, each.rdns) for each in found]
        address = await self.app.push_screen_wait(Choose("Reverse name of which address?", choices))
        if address is not None:
            await self._give_name(service_id, address)

    def ask_reverse(self, service_id: int, address: str) -> Worker[None]:
        """Asks for the reverse name of this address, and gives it."""
        return self.run_worker(self._give_name(service_id, address), group="dialog", exclusive=True)

    async def _give_name(self, service_id: int, address: str) -> None:
        from screens.rdns import RdnsForm
        from screens.widgets.form import Form, FormDialog

        found = await self.read(lambda: addresses_of(service_id))
        now = next((each for each in found or () if each.address == address), None)
        if now is None:
            return
        form = Form(RdnsForm, values={"name": now.rdns if now.own else ""})
        form.suggest("name", now.rdns)
        answers = await self.app.push_screen_wait(FormDialog(f"Reverse name of {address}", form))
        if answers is not None:
            name = str(answers.get("name") or "")
            await self.carry_out((service_id,), lambda each: names.set_reverse(actor(), each, address, name))


def _star(running: bool | None) -> str:
    """The legend's sign: may run while the VM runs, only while it is off, or no matter."""
    return {True: "*", False: "**", None: ""}[running]
