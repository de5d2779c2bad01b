"""Make an existing guest of a cluster the VM of a new service.

What the guest is becomes the plan the VM has, so that nothing in it changes until an operator applies the
product. Record, number and addresses are taken in one transaction; then the engine writes the ownership mark, under
the digest of the config that was looked at.
"""

from __future__ import annotations

import uuid

from peewee import IntegrityError

from engine import audit
from engine.actions.orders import refuse_taken
from engine.actions.permission import needs
from engine.actions.requests import Accepted, Queued, change, label
from engine.actions.services import count_on, next_id, number_alone
from engine.audit import Actor
from engine.clock import now_ms
from engine.errors import Refused
from engine.forms.adoption import NO_PRIOR_SERVICE, AdoptForm, PriorService
from engine.ipam import adopted_addresses
from engine.pipelines.adopt import ADOPT
from engine.queries.adoption import Survey, survey
from engine.roles import Role
from engine.store.database import in_transaction, now_expression, transaction
from engine.store.models import Address, BackupSchedule, Client, Product, Server, Service, Vm, VmidClaim
from engine.work import requests
from engine.work.servers import Servers

ADOPTS = (
    "It becomes a VM of this site: it can be stopped, changed, reinstalled and terminated from here, "
    "and terminating the service deletes it with its disks."
)


@needs(Role.OPERATOR, "adopt a guest", whole_site=True)
def adopt(
    actor: Actor,
    form: AdoptForm,
    typed: str,
    digest: str = "",
    prior: PriorService = NO_PRIOR_SERVICE,
    servers: Servers | None = None,
) -> Queued:
    """Take a guest over for a client; `typed` is its name as the operator typed it.

    With the `digest` of an earlier look, a guest that was changed since then is refused. `prior` is what the service
    was elsewhere: a suspended one stays suspended. `servers` are used and stay open.
    """
    seen = survey(form, prior, servers)
    if seen.refusals:
        raise Refused(" ".join(seen.refusals) + " Nothing was changed.")
    if typed != seen.called:
        raise Refused(f"VM {seen.vmid} is called '{seen.called}', not '{typed}'. Nothing was changed.")
    if digest and digest != seen.digest:
        raise Refused(
            f"VM {seen.vmid} was changed since it was shown; look at it again. Nothing was changed."
        )
    return in_transaction(lambda: _adopt(actor, form, seen, prior))


def _adopt(actor: Actor, form: AdoptForm, seen: Survey, prior: PriorService) -> Queued:
    refuse_taken(prior.external_ref, actor.scope)
    vm = _record(form, seen, prior)
    _claim(vm)
    reserved = adopted_addresses.take(vm, seen.found)
    _carry_over(vm, prior, actor)
    Vm.update(flow=_flow(actor, seen, reserved, prior)).where(Vm.id == vm.id).execute()
    number = requests.add(vm, ADOPT.name, login=actor.login, source=actor.source, running=True)
    return change(
        actor,
        vm,
        "adopt",
        lambda: Accepted(f"VM {seen.vmid} ({seen.called}) becomes the VM of {label(vm)}.", number),
        server=seen.server,
        vmid=seen.vmid,
        node=seen.node,
        guest=seen.called,
        client=seen.client,
        product=seen.product,
        addresses=[each.address for each in seen.addresses],
    )


def _carry_over(vm: Vm, prior: PriorService, actor: Actor) -> None:
    """Write down what the service had elsewhere: reverse names, the backup schedule, why it is suspended."""
    own_name = f"{vm.name}.{vm.domain}".rstrip(".")
    for row in list(Address.select().where(Address.vm == vm.id)):
        name = prior.rdns.get(str(row.address), "").rstrip(".").lower()
        if name and name != own_name:
            Address.update(rdns=name).where(Address.id == row.id).execute()
    if prior.backup_days:
        BackupSchedule.create(
            vm=vm.id, days=list(prior.backup_days), minute=prior.backup_minute, since=now_ms()
        )
    if prior.suspended:
        service = str(vm.service_id)
        audit.record(
            actor, "suspend", "vm", service, vm.name, before={}, after={"adopted": True}, reason=prior.reason
        )


def _record(form: AdoptForm, seen: Survey, prior: PriorService) -> Vm:
    number_alone()
    if form.id is not None and Service.get_or_none(Service.id == form.id):
        raise Refused(f"Service {form.id} already exists. Give another id, or none.")
    product = Product.get(Product.name == seen.product)
    service = Service.create(
        id=form.id or next_id(),
        client=Client.get(Client.name == seen.client),
        product=product,
        options=dict(prior.options),
        external_ref=prior.external_ref,
        force_insert=True,
    )
    count_on()
    return Vm.create(
        uid=str(uuid.uuid4()),
        service=service,
        server=Server.get(Server.name == seen.server),
        vm_status="ready",
        vmid=seen.vmid,
        node=seen.node,
        name=seen.name,
        domain=seen.domain,
        mac=seen.mac,
        bridge=seen.bridge,
        vlan=seen.vlan,
        smbios_uuid=seen.smbios_uuid,
        os_user=seen.os_user,
        plan=seen.plan.as_dict(),
        due_at=now_expression(),
    )


def _claim(vm: Vm) -> None:
    """The guest's number is the VM's; a tombstone of an earlier VM gives way."""
    gone = (VmidClaim.server == vm.server_id) & (VmidClaim.vmid == vm.vmid) & (VmidClaim.state == "tombstone")
    VmidClaim.delete().where(gone).execute()
    try:
        with transaction():
            VmidClaim.create(server=vm.server_id, vmid=vm.vmid, vm=vm.id, why="adopted")
    except IntegrityError:
        raise Refused(
            f"VMID {vm.vmid} was taken by another service this moment. Nothing was changed."
        ) from None


def _flow(actor: Actor, seen: Survey, reserved: dict[str, str], prior: PriorService) -> dict[str, object]:
    args = {"digest": seen.digest, "reserved": reserved, "suspended": prior.suspended}
    return {
        "pipeline": ADOPT.name,
        "action": ADOPT.name,
        "args": args,
        "request": {"by": actor.login, "at": now_ms()},
    }
