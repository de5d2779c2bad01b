"""The auditor: looks while the world is at work at what must hold at every moment, and judges it when it rests."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from engine.errors import KvmtuiError
from engine.store.check import check
from engine.store.database import execute, session
from engine.store.models import Address, Audit, Call, DnsRecord, Outbox, Request, Run, Slot, Vm, VmidClaim
from engine.work.catalog import AT_REST
from tests.world import witnesses

if TYPE_CHECKING:
    from tests.world.world import World

LOOK_S = 0.5
LATE_S = 0.5
WELL_S = 5.0  # so long before and after a kill, a freeze, a step of the clock, a lease may be lost
ENDED = ("done", "failed", "withdrawn")


class Auditor:
    """Judges one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="auditor", daemon=True)
        self._strangers = self._foreign()
        self._reader = witnesses.Reader(world)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()
        self._reader.start()

    def stop(self) -> None:
        """End looking."""
        self._stop.set()
        self._thread.join(30)
        self._reader.stop()

    def _watch(self) -> None:
        while not self._stopped_after(LOOK_S):
            with self._world.crashing:
                try:
                    self._always()
                except KvmtuiError as error:
                    self._world.note(f"the auditor could not look: {error.sentence}")

    def _stopped_after(self, seconds: float) -> bool:
        """Wait; a wait that took much longer is noted, because engines that share the host had to wait too."""
        began = time.monotonic()
        stopped = self._stop.wait(seconds)
        if (late := time.monotonic() - began - seconds) > LATE_S:
            self._world.disturb(late)
        return stopped

    def _always(self) -> None:
        """What must hold at every moment, in one look at the database."""
        with session():
            for about, sql in ALWAYS.items():
                for row in execute(sql).fetchall():
                    self._world.finding("always", f"{about}: {tuple(row)}")

    def judge(self) -> None:
        """What must hold when everything is idle."""
        began = time.monotonic()
        looks = (
            self._promises, self._requests, self._leases, self._reader.judge, self._runs, self._vms,
            self._strangers_untouched, self._names, self._mails, self._ledgers, self._whole,
        )  # fmt: skip
        for look in looks:
            with session():
                look()
        self._world.note(f"judged in {time.monotonic() - began:.2f} s")

    def _promises(self) -> None:
        """Every accepted request is a row that has ended."""
        rows = {row.id: row for row in Request.select()}
        for act, service, number in self._world.promises:
            row = rows.get(number)
            if row is None:
                self._find(
                    "promise", f"act {act}: request {number} of service {service} was promised and is lost"
                )
        for row in rows.values():
            if row.state not in ENDED:
                self._find(
                    "promise",
                    f"request {row.id} ({row.action}, service {row.service}) ends as {row.state}: {row.error}",
                )
            elif row.ended_at is None:
                self._find("promise", f"request {row.id} is {row.state} without an end")

    def _requests(self) -> None:
        """Each request was made once and ended once."""
        changes: dict[int, list[tuple[str, str]]] = defaultdict(list)
        for request, was, now in execute("SELECT request, was, now FROM world_log ORDER BY n").fetchall():
            changes[request].append((was, now))
        for request, history in changes.items():
            ends = [now for was, now in history if now in ENDED]
            reopened = [change for change in history if change[0] in ENDED and change[1]]
            if len(ends) != 1 or reopened:
                self._find("request", f"request {request} ended {len(ends)} times: {history}")
            if any(not now for _, now in history):
                self._find("request", f"request {request} was deleted: {history}")

    def _leases(self) -> None:
        """No VM was taken from an engine that was well."""
        moves = execute("SELECT vm, was, now, at FROM world_lease ORDER BY n").fetchall()
        for vm, was, now, at in moves:
            well = not any(
                begin - WELL_S < at / 1000 < end + WELL_S for begin, end in self._world.disturbances
            )
            if well:
                self._find("lease", f"VM {vm} was taken from {was}, which was well, by {now}")

    def _runs(self) -> None:
        """A request that is done was carried out by one run; no run is alive."""
        good = Counter(row.request_id for row in Run.select().where(Run.result == "success"))
        for row in Request.select().where(Request.state == "done"):
            if good[row.id] > 1:
                self._find("run", f"request {row.id} ({row.action}) was carried out {good[row.id]} times")
        for run in Run.select().where(Run.live == 1):
            self._find("run", f"run {run.id} ({run.action}) of VM {run.vm_id} is still running when idle")

    def _vms(self) -> None:
        """One right VM per service, and nothing of ours beside them."""
        guests = self._world.lab.guests(0)
        ours = {vmid: one for vmid, one in guests.items() if "kvmtui instance=" in one["description"]}
        numbers = {vm.vmid: vm for vm in Vm.select() if vm.vmid is not None and vm.vm_status != "remove"}
        for vmid, guest in ours.items():
            vm = numbers.get(vmid)
            if (vm is None or vm.uid not in guest["description"]) and not self._forgotten(vmid):
                self._find("vm", f"guest {vmid} ({guest['name']}) carries our mark and belongs to no VM")
        for vm in Vm.select():
            if vm.vm_status == "ready" and vm.service.status in ("Active", "Pending", "Suspended"):
                self._vm(vm, guests.get(vm.vmid))
        cards = Counter(self._address(one) for one in ours.values() if self._address(one))
        for address, count in cards.items():
            if count > 1:
                self._find("address", f"{address} is configured in {count} guests")

    def _vm(self, vm: Vm, guest: dict[str, Any] | None) -> None:
        """A VM that is ready is there, ours, and configured as its rows say."""
        who = f"service {vm.service_id} (VMID {vm.vmid})"
        touched = self._world.hands.touched.get(vm.vmid, set())
        removed = self._asked(vm, "VMRemove") or "delete" in touched or self._reset(vm)
        if guest is None or vm.uid not in guest["description"]:
            if not removed:
                self._find(
                    "vm", f"{who} is ready, but its guest is {'gone' if guest is None else 'not ours'}"
                )
            return
        if guest["node"] != vm.node and not self._reset(
            vm
        ):  # a reset does not end what the cluster has begun
            self._find("vm", f"{who} is on {guest['node']}, not on {vm.node}")
        if guest["lock"]:
            self._find("vm", f"{who} is locked: {guest['lock']}")
        addresses = [str(row.address) for row in Address.select().where(Address.vm == vm.id)]
        if len(addresses) != 1:
            self._find("address", f"{who} holds {addresses}")
        elif self._address(guest) not in ("", addresses[0]):
            self._find("address", f"{who} is configured with {self._address(guest)}, not {addresses[0]}")
        power = self._power(vm)
        if self._reset(
            vm, *AT_REST, "set_dns_records"
        ):  # it was taken out of a pipeline that may have stopped it
            power = ""
        if power and power != guest["status"] and "power" not in touched:
            self._find("power", f"{who} is {guest['status']}, not {power}")

    def _power(self, vm: Vm) -> str:
        """Whether a VM must run, by what was done last; empty when that does not tell."""
        rows = {
            row.id: row for row in Request.select().where(Request.vm == vm.id, Request.state != "withdrawn")
        }
        order = execute("SELECT request FROM world_log WHERE now IN ('done', 'failed') ORDER BY n").fetchall()
        ended = [rows[number] for (number,) in order if number in rows]
        power = ""
        for row in ended:
            wanted = POWER.get(row.action, POWER.get(row.pipeline))
            if wanted is not None:
                power = wanted if row.state == "done" else ""
        return "stopped" if power and vm.service.status == "Suspended" else power

    def _asked(self, vm: Vm, pipeline: str) -> bool:
        return bool(Request.select().where(Request.vm == vm.id, Request.pipeline == pipeline).exists())

    def _forgotten(self, vmid: int) -> bool:
        """A guest that an operator gave up: its record was deleted, or it was reset to remove."""
        claim = VmidClaim.get_or_none(VmidClaim.vmid == vmid)
        if claim is None:
            return False
        return "deleted" in claim.why or (claim.vm_id is not None and self._reset(claim.vm, "remove"))

    def _reset(self, vm: Vm, *statuses: str) -> bool:
        """Whether an operator set a VM to one of these statuses (or any), whatever it was doing."""
        resets = Audit.select().where(
            Audit.kind == "vm", Audit.action == "reset", Audit.object_id == str(vm.service_id)
        )
        return any(not statuses or row.after.get("vm_status") in statuses for row in resets)

    @staticmethod
    def _address(guest: dict[str, Any]) -> str:
        config = str(guest["config"].get("ipconfig0", ""))
        return config.partition("ip=")[2].partition("/")[0] if "/" in config else ""

    def _foreign(self) -> dict[int, dict[str, Any]]:
        kept = ("name", "description", "config", "lock", "node", "volumes", "status")
        guests = self._world.lab.guests(0)
        return {
            v: {k: one[k] for k in kept}
            for v, one in guests.items()
            if "kvmtui instance=" not in one["description"]
        }

    def _strangers_untouched(self) -> None:
        """Guests of others are as others left them, and nothing was ever done to them through us."""
        now, hands = self._foreign(), self._world.hands
        for vmid, before in self._strangers.items():
            after, touched = now.get(vmid), hands.touched.get(vmid, set())
            if after is None:
                if vmid not in hands.deleted:
                    self._find("stranger", f"guest {vmid} ({before['name']}) of somebody else is gone")
                continue
            excused = {"status"} if "power" in touched else set()
            excused |= {"name", "config"} if "rename" in touched else set()
            differs = [key for key in before if before[key] != after[key] and key not in excused]
            if differs:
                self._find("stranger", f"guest {vmid} of somebody else changed: {differs}")
        theirs = set(self._strangers)
        for effect in self._world.lab.get("effects"):
            vmid, action = effect["vmid"], effect["action"]
            if action == "foreign-create":
                theirs.add(vmid)
            elif action == "foreign-delete":
                theirs.discard(vmid)
            elif vmid in theirs and not action.startswith("foreign-"):
                self._find(
                    "stranger", f"{action} was done to guest {vmid} of somebody else: {effect['detail']}"
                )
        for vmid in hands.taken - hands.deleted:
            if vmid not in now:
                self._find("stranger", f"guest {vmid}, made by somebody else, is gone")

    def _names(self) -> None:
        """DNS holds what the ledger says, and every VM has its names."""
        written = {
            (row.name, row.type, row.content): row
            for row in DnsRecord.select().where(DnsRecord.state == "written")
        }
        held = self._world.dns.records()
        for record in held - set(written):
            self._find("dns", f"{record} is in the zone, but not in the ledger")
        for record in set(written) - held:
            self._find("dns", f"{record} is in the ledger, but not in the zone")
        for vm in Vm.select().where(Vm.vm_status == "ready"):
            fqdn = f"{vm.name}.{vm.domain}"
            if self._reset(vm, *AT_REST) and not DnsRecord.select().where(DnsRecord.vm == vm.id).exists():
                continue  # it was taken out of its pipeline before its names were requested
            for row in Address.select().where(Address.vm == vm.id):
                if (fqdn, "A", str(row.address)) not in held:
                    self._find("dns", f"service {vm.service_id}: {fqdn} A {row.address} is not written")

    def _mails(self) -> None:
        """A mail that was sent arrived once; none arrived twice."""
        arrived = Counter(
            str(one.message["Message-ID"]).strip("<>").partition("@")[0] for one in self._world.mail.received
        )
        for uid, count in arrived.items():
            if count > 1:
                self._find("mail", f"mail {uid} arrived {count} times")
        for row in Outbox.select():
            if row.state == "sent" and arrived[row.uid] != 1:
                self._find("mail", f"mail {row.key} is sent, but arrived {arrived[row.uid]} times")
            elif row.state == "failed" and "not known" not in row.error:
                self._find("mail", f"mail {row.key} failed: {row.error}")

    def _ledgers(self) -> None:
        """When idle, the journal is closed, no slot is held, and no removed VM holds an address."""
        still = Call.state.in_(("intent", "answered", "ambiguous"))
        for call in Call.select().join(Vm).where(still, Vm.vm_status.in_(sorted(AT_REST))):
            if not self._reset(call.vm):  # then nothing looks what became of the call
                self._find(
                    "journal", f"call {call.id} ({call.what} of VM {call.vm_id}) is still {call.state}"
                )
        for slot in Slot.select():
            self._find("limit", f"VM {slot.vm_id} holds {slot.key} when idle")
        for row in Address.select().join(Vm).where(Vm.vm_status == "remove"):
            if not self._reset(row.vm, "remove"):
                self._find(
                    "address", f"{row.address} is held by service {row.vm.service_id}, which is removed"
                )

    def _whole(self) -> None:
        """The program's own check of its database."""
        for finding in check():
            self._find("check", f"{finding.about}: {finding.sentence}")

    def _find(self, about: str, sentence: str) -> None:
        self._world.finding(about, sentence)


POWER = {
    "Deploy": "running", "Start": "running", "Reboot": "running", "Unsuspend": "running", "Reinstall": "running",
    "ChangePackage": "", "Restore": "", "Rollback": "", "Redeploy": "running", "Stop": "stopped",
    "Suspend": "stopped", "Shutdown": "", "VMRemove": "", "VMClone": "", "ResetPassword": "", "Terminate": "",
}  # fmt: skip
_REST = "vm_status IN ({})".format(", ".join(f"'{status}'" for status in sorted(AT_REST)))
ALWAYS = {
    "a queued request whose VM is not due": (
        "SELECT request.id, vm.service_id, vm.vm_status FROM request JOIN vm ON vm.id = request.vm "
        "WHERE request.state = 'queued' AND vm.due_at IS NULL"
    ),
    "a running request without a pipeline": (
        "SELECT request.id, vm.service_id, vm.vm_status FROM request JOIN vm ON vm.id = request.vm "
        f"WHERE request.state = 'running' AND {_REST} AND vm.flow = '{{}}'"
    ),
    "a VM in a pipeline that is never due": (
        f"SELECT id, service_id, vm_status, error FROM vm WHERE due_at IS NULL AND (NOT {_REST} OR flow <> '{{}}')"
    ),
    "a service with two VMs": "SELECT service_id, COUNT(*) FROM vm GROUP BY service_id HAVING COUNT(*) > 1",
}
