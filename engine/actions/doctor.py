"""The checks of `server test` and `doctor`: what they find, and what to do about each problem."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine import audit
from engine.actions.lookup import found
from engine.actions.mail_checks import mail_checks
from engine.actions.names import test_zone
from engine.actions.notifications import faults as notify_faults
from engine.clock import now_ms, stamp
from engine.counting import counted
from engine.errors import KvmtuiError
from engine.plan import Plan, effective
from engine.proxmox.check import USUAL_USES, CheckResult, ProductNeeds, ServerCheck
from engine.proxmox.checks import check_server
from engine.proxmox.privileges import Use
from engine.queries.engines import engines
from engine.queries.left_backups import left_backups
from engine.queries.notifications import targets
from engine.queries.overdue_backups import overdue_backups
from engine.queries.product_warnings import snapshot_needs
from engine.schedule.registry import RETENTION
from engine.store import check as database_check
from engine.store import rotation
from engine.store.database import in_transaction, session
from engine.store.models import Product, Server, TaskState, Zone
from engine.work.servers import Servers

_NAMED = 5  # a doctor's sentence names so many; the dashboard has them all


@dataclass(frozen=True, slots=True)
class CheckView:
    """One question, its answer (ok, warn, fail), and what to do about it."""

    about: str
    name: str
    result: str
    sentence: str
    fix: str = ""

    @property
    def failed(self) -> bool:
        """Whether something needed is missing."""
        return self.result == CheckResult.FAIL


def check_server_named(name: str) -> list[CheckView]:
    """Reach, trust, login, version, privileges, nodes, storages, bridges, templates, clock of one server."""
    with session():
        row = found(Server, Server.name == name, f"server '{name}'")
        return list(_server(row))


def doctor(server: str = "") -> list[CheckView]:
    """Database, key, engine, backups, mail, notifications, each server and each zone; or one server alone."""
    if server:
        return check_server_named(server)
    with session():
        views = [*_database(), *_key(), _engine(), _retention(), _backups(), _left_backups(), *_mail()]
        views += _notifications()
        for row in list(Server.select().order_by(Server.name)):
            views += _server(row)
        for zone in list(Zone.select().order_by(Zone.name)):
            views.append(_zone(zone))
    return views


def _server(row: Server) -> Iterator[CheckView]:
    handles = Servers()
    try:
        checks = check_server(handles.cluster(row), _wanted(row))
    except KvmtuiError as error:
        checks = [ServerCheck("settings", CheckResult.FAIL, error.sentence, f"kvmtui server edit {row.name}")]
    finally:
        handles.close()
    version = next((check.sentence for check in checks if check.name == "version"), "")
    ok = not any(check.result is CheckResult.FAIL for check in checks)
    _keep(row, ok, version)
    for check in checks:
        yield CheckView(f"server {row.name}", check.name, str(check.result), check.sentence, check.fix)


def _keep(row: Server, ok: bool, version: str) -> None:
    if ok:
        changes = {"last_ok_at": now_ms(), "version": version[:60] or row.version}
        in_transaction(lambda: Server.update(changes).where(Server.id == row.id).execute())


def _wanted(row: Server) -> ProductNeeds:
    """What the products of this server are made of and offer; a server without products may need everything."""
    products = [
        (one.name, effective(one.spec, {})) for one in Product.select().where(Product.server == row.id)
    ]
    plans = [plan for _, plan in products]
    return ProductNeeds(
        templates=_each(str(plan.template) for plan in plans if plan.template),
        storages=_each(name for plan in plans for name in _disks(plan)),
        backup_storages=_each(plan.backup_storage for plan in plans),
        iso_storages=_each(plan.iso_storage for plan in plans),
        bridges=_each([*(plan.network.bridge for plan in plans), *(pool.bridge for pool in row.pools)]),
        first_vmids=tuple(sorted({plan.first_vmid for plan in plans})),
        anti_spoofing=any(plan.firewall.antispoof for plan in plans),
        uses=_uses(plans) if plans else USUAL_USES,
        snapshots=tuple(snapshot_needs(name, plan) for name, plan in products if plan.snapshots > 0),
    )


def _uses(plans: list[Plan]) -> frozenset[Use]:
    """What these products offer beyond deploying, changing and removing VMs."""
    offered = {
        Use.ISO: any(plan.iso_storage for plan in plans),
        Use.SNAPSHOTS: any(plan.snapshots > 0 for plan in plans),
        Use.BACKUPS: any(plan.backup_storage or plan.backups > 0 for plan in plans),
        Use.MIGRATION: True,  # a cluster of one node has none: the check sees that itself
        Use.CONSOLES: any(plan.permissions.get("console", True) for plan in plans),
        Use.AGENT: any(plan.permissions.get("password", True) for plan in plans),
    }
    return frozenset(use for use, wanted in offered.items() if wanted)


def _disks(plan: Plan) -> tuple[str, str]:
    return plan.system_disk.storage, plan.additional_disk.storage if plan.additional_disk.size else ""


def _each(names: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))  # type: ignore[attr-defined]


def _database() -> list[CheckView]:
    faults = database_check.check()
    if not faults:
        return [CheckView("database", "integrity", CheckResult.OK, "The database is consistent.")]
    fix = "restore a backup, or fix what the sentence names"
    return [CheckView("database", fault.about, CheckResult.FAIL, fault.sentence, fix) for fault in faults]


def _key() -> list[CheckView]:
    report = rotation.verify()
    broken = audit.verify_chain()
    views = [
        CheckView("secret key", "secrets", CheckResult.FAIL, str(fault), "kvmtui secrets verify")
        for fault in report.faults
    ] or [
        CheckView(
            "secret key", "secrets", CheckResult.OK, f"Every sealed secret can be opened ({report.opened})."
        )
    ]
    return views + [CheckView("audit", "chain", CheckResult.FAIL, line) for line in broken]


def _engine() -> CheckView:
    running = engines()
    if running:
        names = ", ".join(f"{one.kind} on {one.host}" for one in running)
        return CheckView("engine", "heartbeat", CheckResult.OK, f"An engine runs: {names}.")
    fix = "start `kvmtui --daemon`, add a crontab line with `kvmtui cron`, or open a console"
    return CheckView(
        "engine", "heartbeat", CheckResult.WARN, "No engine is running; requests stay queued.", fix
    )


def _retention() -> CheckView:
    """How the last retention run went."""
    state = TaskState.get_or_none(TaskState.name == RETENTION.name)
    about = ("database", "retention")
    if state is None or state.last_run_at is None:
        return CheckView(*about, CheckResult.OK, "Retention has not run yet; an engine runs it once an hour.")
    deleted = f"{counted(state.processed, 'rows')} deleted in {state.seconds:.1f} s"
    said = f"Last run {stamp(state.last_run_at)} UTC: {deleted}"
    if state.errors:
        fix = "read the log file for the reason; it is retried every hour"
        return CheckView(*about, CheckResult.WARN, f"{said}, {counted(state.errors, 'tables')} failed.", fix)
    return CheckView(*about, CheckResult.OK, f"{said}.")


def _backups() -> CheckView:
    overdue = overdue_backups()
    if not overdue:
        return CheckView("backups", "schedules", CheckResult.OK, "Every scheduled backup was made.")
    named = "; ".join(
        f"service {one.service_id} ({one.name}) since {stamp(one.since)}: {one.reason}"
        for one in overdue[:_NAMED]
    )
    more = f"; and {len(overdue) - _NAMED} more" if len(overdue) > _NAMED else ""
    fix = "kvmtui vm backup create REF, once the cause is fixed"
    return CheckView("backups", "schedules", CheckResult.WARN, f"{len(overdue)} overdue: {named}{more}", fix)


def _mail() -> Iterator[CheckView]:
    for check in mail_checks():
        yield CheckView("mail", check.name, str(check.result), check.sentence, check.fix)


def _notifications() -> Iterator[CheckView]:
    faults = notify_faults()
    for one in targets():
        error = faults.get(one.name) or one.error
        if error:
            fix = f"fix what the sentence names; then: kvmtui notify test {one.name}"
            yield CheckView("notify", one.name, CheckResult.WARN, error, fix)
        else:
            sentence = f"Notified from level {one.level} on; {one.pending} pending, {one.failed} failed."
            yield CheckView("notify", one.name, CheckResult.OK, sentence)


def _left_backups() -> CheckView:
    left = left_backups()
    if not left:
        return CheckView("backups", "left behind", CheckResult.OK, "No terminated VM has backups left.")
    named = "; ".join(
        f"{one.backup or one.storage} on {one.server} of service {one.service_id} ({one.name}) "
        f"since {stamp(one.since)}: {one.why}"
        for one in left[:_NAMED]
    )
    more = f"; and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
    fix = "fix the cause; scheduleBackup retries within a day"
    sentence = f"{len(left)} left by terminated VMs: {named}{more}"
    return CheckView("backups", "left behind", CheckResult.WARN, sentence, fix)


def _zone(row: Zone) -> CheckView:
    about = f"zone {row.name}/{row.type}"
    try:
        report = test_zone(row.id)
    except KvmtuiError as error:
        return CheckView(about, "provider", CheckResult.FAIL, error.sentence)
    result = CheckResult.OK if report.ok else CheckResult.FAIL
    return CheckView(about, "provider", result, report.sentence, report.advice)
