"""What an operator may do to a running service: suspend, unsuspend, change its product, terminate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.actions import traffic_quota
from engine.actions.lookup import found
from engine.actions.permission import needs
from engine.actions.requests import Accepted, Queued, change, enqueue, label, put_into, subject, vm_of
from engine.audit import Actor
from engine.errors import AlreadySo, Refused
from engine.plan import Plan, effective
from engine.queries.scoping import need_service, product_condition
from engine.roles import Role
from engine.scope import EVERYTHING, Scope
from engine.store.database import session
from engine.store.models import Product, Service, Vm
from engine.traffic import quota
from engine.work import requests


@needs(Role.OPERATOR, "suspend a service")
def suspend(actor: Actor, service_id: int, reason: str = "") -> Queued:
    """Stop the VM and mark the service Suspended; the reason is shown where somebody wants to start it.

    A service that its traffic quota has suspended is suspended by the actor from then on: the quota does not undo it.
    """
    with session():
        vm = vm_of(service_id)
        if quota.hold_of(service_id) not in _HELD:
            _refuse_repeated(vm, "Suspended", "Unsuspend", f"Service {service_id} is already suspended")
            if vm.service.status != "Active":
                raise Refused(
                    f"Service {service_id} is {vm.service.status}; only an Active service can be suspended."
                )

        def work() -> Accepted:
            accepted = enqueue(vm, "Suspend", actor)
            quota.move_hold(service_id, _HELD, "taken")
            return accepted

        return change(actor, vm, "suspend", work, " ".join(reason.split()))


@needs(Role.OPERATOR, "unsuspend a service")
def unsuspend(actor: Actor, service_id: int, reason: str = "") -> Queued:
    """Start the VM and mark the service Active.

    A service that its traffic quota has suspended stays active for the rest of the month.
    """
    with session():
        vm = vm_of(service_id)
        _refuse_repeated(vm, "Active", "Suspend", f"Service {service_id} is Active, not suspended")
        if vm.service.status != "Suspended":
            raise Refused(f"Service {service_id} is {vm.service.status}, not suspended.")

        def work() -> Accepted:
            accepted = enqueue(vm, "Unsuspend", actor)
            quota.move_hold(service_id, ("on",), "waived")
            quota.move_hold(service_id, ("taken",), "")
            return accepted

        return change(actor, vm, "unsuspend", work, " ".join(reason.split()))


_HELD = ("due", "on", "ending")  # the quota suspends the service, or did


def _refuse_repeated(vm: Vm, status: str, opposite: str, sentence: str) -> None:
    """AlreadySo when the service has the status; Refused when the opposite request is about to change it."""
    if vm.service.status != status:
        return
    if any(each.pipeline == opposite for each in requests.open_of(vm.id)):
        raise Refused(f"{sentence}, but {opposite} is queued or running. Wait for it to end, then retry.")
    raise AlreadySo(f"{sentence}; nothing was changed.")


@needs(Role.OPERATOR, "terminate a service")
def terminate(actor: Actor, service_id: int, reason: str = "") -> Queued:
    """End the service and remove its VM, whatever it is doing now."""
    with session():
        vm = vm_of(service_id)

        def work() -> Accepted:
            status = requests.lock(vm.id).vm_status
            if status == "remove":
                raise AlreadySo(f"{subject(vm)} is already removed; nothing was changed.")
            if status == "terminate":
                raise AlreadySo(
                    f"{subject(vm)} is already being terminated; `kvmtui vm log {service_id}` shows how far."
                )
            number = put_into(vm, "terminate", actor, pipeline="Terminate", why="replaced by terminate")
            return Accepted(f"{subject(vm)} will be terminated.", number)

        return change(actor, vm, "terminate", work, reason)


def plans(
    service_id: int, product: str = "", options: Mapping[str, Any] | None = None, scope: Scope = EVERYTHING
) -> tuple[Plan, Plan]:
    """The plan a VM has, and the one it would have with this product and these options."""
    with session():
        if scope.limited:
            need_service(scope, service_id)
        vm = vm_of(service_id)
        return applied(vm), _wanted(vm.service, product, options, scope)


@needs(Role.OPERATOR, "change the product of a service")
def change_package(
    actor: Actor, service_id: int, product: str = "", options: Mapping[str, Any] | None = None
) -> Queued:
    """Give the service another product or other options and bring its VM there."""
    with session():
        vm = vm_of(service_id)
        _refuse(vm, product, actor.scope)
        wanted = _options(vm.service, options)
        before = {"product": vm.service.product.name, "options": vm.service.options}

        def work() -> Accepted:
            changes: dict[str, Any] = {"options": wanted}
            if product:
                changes["product"] = Product.get(Product.name == product)
            Service.update(changes).where(Service.id == service_id).execute()
            traffic_quota.look_soon([service_id])
            return enqueue(vm, "ChangePackage", actor)

        after: dict[str, Any] = {"product": product or before["product"], "options": wanted, "was": before}
        return change(actor, vm, "change-package", work, **after)


def _refuse(vm: Vm, product: str, scope: Scope) -> None:
    by_quota = (
        vm.service.status == "Suspended" and quota.hold_of(vm.service_id) in _HELD
    )  # it may buy traffic
    if vm.service.status not in ("Active", "Pending") and not by_quota:
        raise Refused(f"Service {vm.service_id} is {vm.service.status}; its product cannot be changed.")
    if vm.vm_status in ("terminate", "error_terminate", "remove"):
        raise Refused(f"{subject(vm)} is in {vm.vm_status}; its product cannot be changed.")
    if not product:
        return
    wanted = _product(product, scope)
    if wanted.server_id != vm.server_id:
        raise Refused(
            f"Product {product} is for server {wanted.server.name}, but {label(vm)} is on {vm.server.name}; "
            "change-package cannot move a VM to another server."
        )


def _product(name: str, scope: Scope) -> Product:
    return found(Product, Product.name == name, f"product '{name}'", product_condition(scope))


def applied(vm: Vm) -> Plan:
    """The plan as the VM has it; before its first deploy that is the plan it is being made from."""
    if vm.plan:
        return Plan.from_dict(vm.plan)
    return effective(vm.service.product.spec, vm.service.options)


def _wanted(service: Service, product: str, options: Mapping[str, Any] | None, scope: Scope) -> Plan:
    chosen = _product(product, scope) if product else service.product
    return effective(chosen.spec, _options(service, options))


def _options(service: Service, options: Mapping[str, Any] | None) -> dict[str, Any]:
    """The service's options with these over them; None goes back to what the product has."""
    both = dict(service.options) | dict(options or {})
    return {name: value for name, value in both.items() if value is not None}
