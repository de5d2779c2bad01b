"""What will happen when the first VM is ordered, line by line, before it happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.counting import counted
from engine.plan import Plan, effective
from screens.widgets.dialogs import PlanLine
from screens.wizard.state import WizardState


def summary(known: WizardState, spec: Mapping[str, Any], answers: Mapping[str, object]) -> list[PlanLine]:
    """The lines for a product with these values and the answers about its client."""
    plan = effective(dict(spec), {})
    lines = [_client(known, answers), PlanLine("+", f"Service: {answers['product']} for {answers['name']}")]
    return [*lines, *_vm(known, plan), *_addresses(known, plan), *_names(known, plan), _mail(known)]


def _client(known: WizardState, answers: Mapping[str, object]) -> PlanLine:
    name = str(answers["name"])
    if name in known.site.clients:
        return PlanLine("=", f"Client {name} is there")
    return PlanLine("+", f"Client {name} <{answers.get('email')}>")


def _vm(known: WizardState, plan: Plan) -> Iterator[PlanLine]:
    disk = f", {plan.system_disk.size} GiB disk" if plan.system_disk.size else ""
    where = f" on {plan.system_disk.storage}" if plan.system_disk.storage else ""
    cores = plan.cores * plan.sockets
    size = f"{counted(cores, 'cores')}, {plan.memory} MiB{disk}{where}"
    yield PlanLine("+", f"VM on {known.site.server}: {plan.clone} clone of template {plan.template}, {size}")
    yield PlanLine("+", "Its firewall, cloud-init with a user and a password of its own; then it is started")


def _addresses(known: WizardState, plan: Plan) -> Iterator[PlanLine]:
    if plan.network.dhcp4:
        yield PlanLine("=", "IPv4 address by DHCP")
    elif plan.network.ipv4:
        pools = ", ".join(f"{pool.start} – {pool.stop}" for pool in known.site.pools if pool.free)
        if pools:
            yield PlanLine("+", f"{plan.network.ipv4} IPv4 address out of {pools}")
        else:
            yield PlanLine("-", "No pool has a free IPv4 address: it will stop at its first step and say so")


def _names(known: WizardState, plan: Plan) -> Iterator[PlanLine]:
    if plan.main_domain and known.site.zones:
        yield PlanLine("+", f"DNS records under {plan.main_domain}, where a zone here holds them")
    else:
        yield PlanLine("=", "No DNS records: there is no zone, or the product has no domain")


def _mail(known: WizardState) -> PlanLine:
    if known.site.mails:
        return PlanLine("+", "E-mail to the client when it is ready")
    return PlanLine("=", "No e-mail: no mail server is set (9)")
