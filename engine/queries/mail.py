"""What a mail would look like: with a sample VM, or with a real one."""

from __future__ import annotations

from typing import Any

from engine.errors import Refused
from engine.mail.facts import HIDDEN, TEMPLATES, WITH_PASSWORD, addresses_of, sample_facts, vm_facts
from engine.mail.rendering import Letter, write_letter
from engine.plan import effective
from engine.store.database import session
from engine.store.models import Service, Vm


def preview(template: str, language: str = "", service_id: int | None = None) -> Letter:
    """The letter as it would go out, with a sample VM or a real one; a password is never in it."""
    if template not in TEMPLATES:
        raise Refused(f"There is no mail '{template}'; the mails are {', '.join(TEMPLATES)}.")
    if service_id is None:
        return write_letter(template, language or "en", sample_facts())
    with session():
        service = Service.get_or_none(Service.id == service_id)
        if service is None:
            raise Refused(f"There is no service {service_id}.")
        return write_letter(template, language or service.client.language, _facts(service, template))


def _facts(service: Service, template: str) -> dict[str, Any]:
    plan = effective(service.product.spec, service.options)
    vm = Vm.get_or_none(Vm.service == service.id)
    if vm is None:
        named = {"service_id": service.id, "product": service.product.name, "client": service.client.name}
        return dict.fromkeys(sample_facts(), "") | named
    addresses = [] if template == "welcome" else addresses_of(vm)
    password = HIDDEN if template in WITH_PASSWORD else ""
    return vm_facts(vm, plan, addresses, password)
