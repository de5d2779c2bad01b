"""The login of a guest in clear: for one pair of eyes, once, and audited."""

from __future__ import annotations

from engine import audit
from engine.actions.permission import needs
from engine.actions.requests import label, vm_of
from engine.audit import Actor
from engine.errors import Refused
from engine.roles import Role
from engine.store import secrets
from engine.store.database import in_transaction, session


@needs(Role.SUPPORT, "show the password of a VM")
def login(actor: Actor, service_id: int) -> tuple[str, str]:
    """User and password of a VM; that somebody looked is written down."""
    with session():
        vm = vm_of(service_id)
        if not vm.os_password:
            raise Refused(f"No password is stored for {label(vm)}.")
        in_transaction(
            lambda: audit.record(actor, "show password", "vm", str(service_id), vm.name, before={}, after={})
        )
        return vm.os_user, secrets.unseal(vm.os_password, "vm", vm.uid, "os_password")
