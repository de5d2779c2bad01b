"""The scope of an actor as conditions of the database: what is outside is in no answer and no count."""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import Any

from engine.errors import NotFound
from engine.scope import Scope
from engine.store.compiled import Compiled
from engine.store.database import session
from engine.store.models import Client, Product, Server, Service, Vm


def service_condition(scope: Scope) -> Any:
    """The condition on `Service` of what is inside; None when everything is."""
    found = []
    if scope.clients is not None:
        found.append(Service.client.in_(sorted(scope.clients)))
    if scope.products is not None:
        found.append(Service.product.in_(sorted(scope.products)))
    if scope.services is not None:
        found.append(Service.id.in_(sorted(scope.services)))
    return reduce(and_, found) if found else None


def services_in(scope: Scope) -> Any:
    """The ids of the services inside, as a subquery; None when every service is."""
    condition = service_condition(scope)
    return None if condition is None else Service.select(Service.id).where(condition)


def vms_in(scope: Scope) -> Any:
    """The ids of the VMs inside, as a subquery; None when every VM is."""
    services = services_in(scope)
    return None if services is None else Vm.select(Vm.id).where(Vm.service.in_(services))


def inside(query: Any, condition: Any) -> Any:
    """The query with one of the conditions of this module, which is None when everything is inside."""
    return query if condition is None else query.where(condition)


def within(query: Any, scope: Scope, service: Any) -> Any:
    """The query over rows whose service is inside; `service` is their column with its id."""
    services = services_in(scope)
    return query if services is None else query.where(service.in_(services))


def client_condition(scope: Scope) -> Any:
    """The condition on `Client` of who is inside: those listed, else those with a service inside."""
    if scope.clients is not None:
        return Client.id.in_(sorted(scope.clients))
    condition = service_condition(scope)
    return None if condition is None else Client.id.in_(Service.select(Service.client).where(condition))


def product_condition(scope: Scope) -> Any:
    """The condition on `Product` of what is inside: those listed, else those of the listed services, else every one."""
    if scope.products is None and scope.services is not None:
        return Product.id.in_(Service.select(Service.product).where(Service.id.in_(sorted(scope.services))))
    return None if scope.products is None else Product.id.in_(sorted(scope.products))


def server_condition(scope: Scope) -> Any:
    """The condition on `Server` of what is inside: those with a VM inside; None when everything is."""
    vms = vms_in(scope)
    return None if vms is None else Server.id.in_(Vm.select(Vm.server).where(Vm.id.in_(vms)))


def need_service(scope: Scope, service_id: int) -> None:
    """Refuse a service that is outside or does not exist, both with the same sentence."""
    with session():
        owner = _OWNER.first(service_id)
    if owner is None or not scope.sees(*owner, service_id):
        raise NotFound(no_service(service_id))


_OWNER = Compiled[tuple[int, int]](
    lambda number: Service.select(Service.client, Service.product).where(Service.id == number).tuples(), 1
)


def no_service(service_id: int) -> str:
    """How an unknown service is refused."""
    return f"Service {service_id} not found."
