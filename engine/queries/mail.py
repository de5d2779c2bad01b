"""What a mail would look like: with a sample VM, or with a real one."""

from __future__ import annotations

from typing import Any

from engine.clock import now_ms
from engine.errors import Refused
from engine.mail.facts import (
    HIDDEN,
    TEMPLATES,
    TRAFFIC_TEMPLATES,
    WITH_PASSWORD,
    addresses_of,
    sample_facts,
    traffic_facts,
    vm_facts,
)
from engine.mail.rendering import Letter, write_letter
from engine.plan import effective
from engine.queries.traffic import sums_in
from engine.store.database import session
from engine.store.models import Service, Vm
from engine.traffic.calendar import month_of
from engine.traffic.quota import Quota


def preview(template: str, language: str = "", service_id: int | None = None) -> Letter:
    """The letter as it would go out, with a sample VM or a real one; a password is never in it."""
    if template not in TEMPLATES:
        raise Refused(f"Unknown mail '{template}'. Use one of: {', '.join(TEMPLATES)}.")
    if service_id is None:
        return write_letter(template, language or "en", sample_facts())
    with session():
        service = Service.get_or_none(Service.id == service_id)
        if service is None:
            raise Refused(f"Service {service_id} not found.")
        facts = _facts(service, template)
        if template in TRAFFIC_TEMPLATES:
            facts |= _traffic(service)
        return write_letter(template, language or service.client.language, facts)


def _traffic(service: Service) -> dict[str, str]:
    month, quota = month_of(now_ms()), Quota.of(effective(service.product.spec, service.options))
    return traffic_facts(quota, quota.used(*sums_in([service.id], month).get(service.id, (0, 0))), month)


def _facts(service: Service, template: str) -> dict[str, Any]:
    plan = effective(service.product.spec, service.options)
    vm = Vm.get_or_none(Vm.service == service.id)
    if vm is None:
        named = {"service_id": service.id, "product": service.product.name, "client": service.client.name}
        return dict.fromkeys(sample_facts(), "") | named
    addresses = [] if template == "welcome" else addresses_of(vm)
    password = HIDDEN if template in WITH_PASSWORD else ""
    return vm_facts(vm, plan, addresses, password)
