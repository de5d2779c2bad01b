"""Every action declares the role it needs; which role that is, is written down here a second time."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest

import engine.actions
from engine import audit_archive
from engine.actions.permission import declared_by
from engine.audit import Actor
from engine.errors import Forbidden, NotFound
from engine.queries.login import login
from engine.roles import Role
from engine.schedule import run_now
from engine.scope import Scope
from tests.conftest import Store

MACHINERY = {
    "idempotency.once": "stores the answer of an action",
    "permission.require": "is the check itself",
    "requests.change": "writes what an action does; takes a VM that the action found",
    "requests.enqueue": "the engine's schedules use it too",
    "requests.put_into": "sets a VM that the action found",
    "repository.create": "saves the form of an action",
    "repository.put": "saves the form of an action",
    "repository.remove": "deletes the row that an action found",
    "repository.record": "writes the audit row of an action",
}
SUPPORT = {
    "client_sessions.create_link",
    "consoles.offer_screen", "consoles.open_screen", "consoles.open_serial", "maintenance.create_backup",
    "maintenance.create_snapshot", "maintenance.delete_backup", "maintenance.delete_snapshot", "maintenance.eject_iso",
    "maintenance.mount_iso", "maintenance.reset_password", "maintenance.restore", "maintenance.roll_back",
    "maintenance.schedule", "maintenance.schedule_snapshots", "login.login", "names.set_reverse",
    "notes.set_client_notes", "notes.set_notes",
    "orders.change_service",
    "vms.power",
}  # fmt: skip
OPERATOR = {
    "adoption.adopt", "clients.create_client", "clients.delete_client", "clients.put_client",
    "maintenance.repair_disks", "mail.retry", "mail.retry_failed", "orders.order", "packages.change_package",
    "packages.suspend",
    "packages.terminate", "packages.unsuspend", "run_now.clear_locks", "run_now.run_now", "services.create_service",
    "services.delete_service", "services.put_services", "services.request_change", "services.set_options",
    "vms.delete_record", "vms.redeploy", "vms.reinstall", "vms.reset", "vms.run_step", "vms.sync_dns",
}  # fmt: skip
SITE_WIDE = {
    "adoption.adopt", "audit_archive.archive", "clients.create_client", "clients.delete_client", "mail.retry",
    "mail.retry_failed", "mail.send_test", "notifications.resend", "notifications.test", "pausing.pause",
    "pausing.resume", "pausing.toggle", "pools.create_pool",
    "pools.delete_pool", "pools.put_pool", "products.create_product", "products.delete_product",
    "products.put_product", "run_now.clear_locks", "run_now.run_now", "servers.create_server",
    "servers.delete_server", "servers.put_server", "services.put_services", "settings.put_settings",
    "tokens.create", "tokens.revoke", "tokens.rotate", "zones.create_zone", "zones.delete_zone", "zones.put_zone",
}  # fmt: skip


def actions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public function of the actions that takes an actor, and those that are elsewhere."""
    for _, name, _ in pkgutil.iter_modules(engine.actions.__path__):
        module = import_module(f"engine.actions.{name}")
        for attribute, value in vars(module).items():
            mine = inspect.isfunction(value) and value.__module__ == module.__name__
            if mine and not attribute.startswith("_") and "actor" in inspect.signature(value).parameters:
                yield f"{name}.{attribute}", value
    yield "login.login", login
    yield "run_now.run_now", run_now.run_now
    yield "run_now.clear_locks", run_now.clear_locks
    yield "audit_archive.archive", audit_archive.archive


def test_every_action_declares_the_role_it_needs() -> None:
    found = {name: declared_by(action) for name, action in actions()}
    assert {name for name, declared in found.items() if declared is None} == set(MACHINERY)
    roles = {name: declared.role for name, declared in found.items() if declared}
    expected = dict.fromkeys(roles, Role.OWNER) | dict.fromkeys(OPERATOR, Role.OPERATOR)
    assert roles == expected | dict.fromkeys(SUPPORT, Role.SUPPORT)
    assert {name for name, declared in found.items() if declared and declared.whole_site} == SITE_WIDE


@pytest.mark.parametrize(("name", "action"), [each for each in actions() if each[0] not in MACHINERY])
def test_a_smaller_role_is_refused_before_anything_is_read(name: str, action: Callable[..., Any]) -> None:
    declared = declared_by(action)
    assert declared is not None
    smaller = [role for role in Role if not role.covers(declared.role)]
    assert Role.VIEWER in smaller and Role.METRICS in smaller
    for role in smaller:  # no database is open: an action that looked at anything first would fail otherwise
        given = _arguments(action, Actor("anna", role=role))
        with pytest.raises(Forbidden) as refused:
            action(**given)
        assert f"needs the role {declared.role}, and anna has {role}" in refused.value.sentence
        assert "kvmtui whoami" in refused.value.sentence and refused.value.exit_code == 2


@pytest.mark.parametrize(("name", "action"), [each for each in actions() if each[0] in SITE_WIDE])
def test_what_concerns_the_whole_site_is_refused_to_whoever_is_limited(
    name: str, action: Callable[..., Any]
) -> None:
    with pytest.raises(Forbidden, match="the whole site"):
        action(**_arguments(action, Actor("token:shop", scope=Scope(clients=frozenset({1})))))


@pytest.mark.parametrize(
    ("name", "action"),
    [
        each
        for each in actions()
        if {"service_id", "service_ids"} & set(inspect.signature(each[1]).parameters)
    ],
)
def test_a_service_outside_reads_like_an_unknown_one(
    sqlite_store: Store, name: str, action: Callable[..., Any]
) -> None:
    with pytest.raises(NotFound) as refused:
        action(**_arguments(action, Actor("token:shop", scope=Scope(clients=frozenset({1})))))
    assert refused.value.sentence == "Service 1 not found."


def _arguments(action: Callable[..., Any], actor: Actor) -> dict[str, Any]:
    """An argument for every parameter that has no default; only the actor counts."""
    given: dict[str, Any] = {"actor": actor, "service_id": 1, "service_ids": [1]}
    parameters = inspect.signature(action).parameters.values()
    needed = {each.name for each in parameters if each.default is inspect.Parameter.empty}
    return {name: given.get(name, "x") for name in needed}
