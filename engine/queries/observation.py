"""How a VM is looked at on its cluster: what may be asked, whether it is ours, and why it cannot be seen.

Reading never raises because of the cluster. A paused server, one that does not answer, a VM that is gone or
somebody else's: each is a state of its own with a sentence, so that a screen has something to show.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar

from engine.actions.requests import label, subject, vm_of
from engine.clock import Moment, now_ms
from engine.errors import KvmtuiError
from engine.plan import Plan, effective
from engine.proxmox.cluster import Cluster
from engine.proxmox.fault_table import FaultKind
from engine.proxmox.faults import NotOurs, ProxmoxError, not_ours, vm_replaced
from engine.proxmox.guest_values import GuestConfig
from engine.proxmox.guest_view import GuestView
from engine.proxmox.mark import Mark
from engine.store.database import session
from engine.store.models import Setting, Vm
from engine.work.servers import Servers, why_not

State = Literal["seen", "unmade", "paused", "silent", "refused", "gone", "foreign"]
Owner = Literal["ours", "foreign", "nobody", "unknown"]
T = TypeVar("T")

_UNMARKED = "unmarked"
_NOBODY = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Observation:
    """Where somebody looked and what came of it; `state` is `seen` when the VM itself was seen."""

    service_id: int
    server: str
    node: str
    vmid: int | None
    state: State
    sentence: str
    owner: Owner
    at: Moment
    api_ms: int | None = None
    """How long the cluster took to answer; None when it was not asked, or did not answer."""

    @property
    def seen(self) -> bool:
        """Whether the VM itself was seen."""
        return self.state == "seen"

    @property
    def answered(self) -> bool:
        """Whether the cluster gave an answer, of whatever kind."""
        return self.state in ("seen", "gone", "foreign")


@dataclass(frozen=True, slots=True)
class ObservedVm:
    """The VM that is looked at, as the database knows it."""

    looked: Observation
    name: str
    mark: Mark
    smbios_uuid: str
    vm: Vm
    plan: Plan

    def prove(self, config: GuestConfig) -> None:
        """Raises NotOurs unless the guest with this config is ours."""
        looked = self.looked
        assert looked.vmid is not None
        if config.lock in ("clone", "create") and not config.description:
            sentence = f"Proxmox is still making VM {looked.vmid}; it does not carry its mark yet."
            raise ProxmoxError(FaultKind.BUSY, sentence, reason=_UNMARKED, sent=False)
        if config.mark != self.mark:
            raise not_ours(looked.vmid, self.mark, config.mark, config.name)
        if self.smbios_uuid and config.smbios_uuid != self.smbios_uuid.lower():
            raise vm_replaced(looked.vmid, self.smbios_uuid, config.smbios_uuid)


class GuestReader(Generic[T]):
    """Looks at one VM as often as asked, over one handle to its cluster, until it is closed."""

    def __init__(self, service_id: int, read: Callable[[ObservedVm, GuestView], T]) -> None:
        self.service_id = service_id
        self._read = read
        self._servers = Servers()

    def look(self) -> tuple[Observation, T | None]:
        """One look: how it went, and what was read. Refused only when the service has no VM or is unknown."""
        subject, cluster = self._subject()
        if cluster is None or not subject.looked.seen:
            return subject.looked, None
        begun = time.monotonic()
        try:
            node, found = _ask(subject, cluster, self._read)
        except KvmtuiError as error:
            return _unseen(subject.looked, error, begun), None
        owned = replace(subject.looked, node=node, owner="ours", api_ms=_passed(begun), at=now_ms())
        return owned, found

    def close(self) -> None:
        """Lets go of the cluster."""
        self._servers.close()

    def _subject(self) -> tuple[ObservedVm, Cluster | None]:
        with session():
            vm = vm_of(self.service_id)
            state, sentence = _outlook(vm)
            looked = Observation(
                vm.service_id, vm.server.name, vm.node, vm.vmid, state, sentence, "unknown", now_ms()
            )
            instance = Setting.get_or_none(Setting.key == "instance")
            mark = Mark(instance.value if instance else _NOBODY, _uuid(vm.uid))
            plan = effective(vm.service.product.spec, vm.service.options)
            subject = ObservedVm(looked, label(vm), mark, vm.smbios_uuid, vm, plan)
            if state != "seen":
                return subject, None
            try:
                return subject, self._servers.cluster(vm.server)
            except KvmtuiError as error:
                return replace(
                    subject, looked=replace(looked, state="refused", sentence=error.sentence)
                ), None


def _uuid(uid: str) -> str:
    """The VM's half of the mark; a row without a proper one can own nothing."""
    try:
        return Mark(_NOBODY, uid).vm
    except ValueError:
        return _NOBODY


def _outlook(vm: Vm) -> tuple[State, str]:
    """Whether there is something to ask the cluster about; `seen` while nothing speaks against it."""
    if vm.vm_status == "remove":
        return "unmade", f"{subject(vm)} was removed; only its record is left."
    if vm.vmid is None or not vm.node:
        return (
            "unmade",
            f"{subject(vm)} is not on Proxmox yet: it is at {vm.vm_status}.",
        )
    if vm.server.state == "paused":
        return "paused", f"Server {vm.server.name} is paused, so nothing is asked of it."
    why = why_not(vm.server)
    return ("silent", f"{why[:1].upper()}{why[1:]}.") if why else ("seen", "")


def _ask(subject: ObservedVm, cluster: Cluster, read: Callable[[ObservedVm, GuestView], T]) -> tuple[str, T]:
    """What was read and on which node; a VM that was migrated is looked for once."""
    vmid, node = subject.looked.vmid, subject.looked.node
    assert vmid is not None
    view = GuestView(cluster, vmid, node)
    try:
        found = read(subject, view)  # a read finds a guest that has moved
    except ProxmoxError as fault:
        if not fault.guest_missing:
            raise
        sentence = (
            f"VM {vmid} not found on any node of {cluster.name}: somebody removed it. "
            "Redeploy deploys it again, terminate ends the service."
        )
        raise ProxmoxError(FaultKind.GONE, sentence, reason="no_config", sent=False) from fault
    return view.node, found


def _unseen(looked: Observation, error: KvmtuiError, begun: float) -> Observation:
    """The state that a failure leaves the look in."""
    state: State = "refused"
    owner: Owner = "unknown"
    if isinstance(error, NotOurs):
        state, owner = "foreign", "foreign"
    elif isinstance(error, ProxmoxError) and error.guest_missing:
        state, owner = "gone", "nobody"
    elif isinstance(error, ProxmoxError) and error.reason == _UNMARKED:
        state = "unmade"
    elif isinstance(error, ProxmoxError) and error.kind in (
        FaultKind.TRANSIENT,
        FaultKind.BUSY,
        FaultKind.AMBIGUOUS,
    ):
        state = "silent"
    answered = _passed(begun) if state in ("gone", "foreign") else None
    return replace(looked, state=state, sentence=error.sentence, owner=owner, api_ms=answered, at=now_ms())


def _passed(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)


def number(value: Any, digits: int) -> float | None:
    """A measured number, rounded; None for nothing and for what is no number."""
    if value is None or value != value or abs(value) == float("inf"):
        return None
    return round(float(value), digits)
