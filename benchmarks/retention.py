"""Measure how large a SQLite database grows in a year under the default retention.

python -m benchmarks.retention [--vms 10000] [--days 365] [--full]

Writes rows with shifted times at the rates below, and runs the retention task after every day. Retention keeps most
rows for at most 62 days; therefore only the rows that survive it (monthly traffic, the audit log) are written for days
more than 70 days ago. `--full` writes every day in full.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

from engine import audit
from engine.audit import Actor
from engine.clock import now_ms
from engine.plan import effective
from engine.schedule import retention
from engine.store import secrets
from engine.store.database import close_database, database, execute, open_database, transaction
from engine.store.migrate import migrate
from engine.store.models import (
    Address,
    Client,
    DnsRecord,
    Product,
    Server,
    Service,
    Setting,
    Vm,
    VmidClaim,
    Zone,
)
from engine.store.urls import sqlite_url
from engine.traffic.calendar import bounds, month_before, month_of
from engine.work.servers import Servers
from engine.work.task import TaskResources

TARGET = 2_000_000_000
DAY_MS, HOUR_MS = 86_400_000, 3_600_000
FULL_DAYS = 70
SPEC = {
    "template": 9000, "first_vmid": 2000, "main_domain": "example.com", "cores": 2, "memory": 2048, "backups": 7,
    "network": {"bandwidth": 12, "ipv6": 1}, "system_disk": {"storage": "local-lvm", "size": 20, "mbps_rd": 100},
}  # fmt: skip
UPID = "UPID:pve-waw1:0021C3B4:1A2B3C4D:69D8A1F0:vzdump:12345:kvmtui@pve!console:"
ME = Actor("operator", "192.0.2.7", "cli")

# Work per day: name, runs per 10,000 VMs, then steps, events, calls and mails per run. Each run has one request.
WORK = (
    ("Backup", 10_000, 1, 7, 2, 0),  # every VM, every night
    ("ChangePackage", 330, 14, 34, 8, 1),  # once a month
    ("Deploy", 70, 15, 46, 14, 2),  # 2 % of the VMs are new each month
    ("Reboot", 660, 1, 4, 1, 0),  # twice a month
)
STUCK = 5  # per 10,000 VMs: fail the same step every minute
AUDITED = 1_060  # audit rows a day per 10,000 VMs: all of the above except backups


def main() -> int:
    """Print the size of the file and its tables; 1 if the target is missed."""
    options = argparse.ArgumentParser()
    options.add_argument("--vms", type=int, default=10_000)
    options.add_argument("--days", type=int, default=365)
    options.add_argument("--full", action="store_true")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kvmtui.db"
        open_database(sqlite_url(path))
        migrate()
        secrets.use_key_file(Path(folder) / "secret.key")
        database.connect(reuse_if_open=True)
        for pragma in ("synchronous=OFF", "cache_size=-400000", "temp_store=MEMORY"):
            database.execute_sql(f"PRAGMA {pragma}")
        _site(chosen.vms)
        _simulate(chosen.vms, chosen.days, chosen.days if chosen.full else FULL_DAYS)
        database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        size = _report(path, chosen)
        close_database()
    return int(size * 10_000 / chosen.vms > TARGET)


def _site(vms: int) -> None:
    """Create ready VMs with their addresses, DNS records and VMIDs."""
    server = Server.create(uid=str(uuid.uuid4()), name="pve-waw1", hosts=["10.0.0.11"])
    product = Product.create(name="VPS-2", server=server, spec=SPEC)
    plan = effective(SPEC, {}).as_dict()
    zone = Zone.create(
        uid="z", name="example.com", type="powerdns", endpoint="http://p", config={}, secrets=""
    )
    seal = secrets.seal("a-password-of-24-letters", "vm", "x", "os_password")
    with transaction():
        for n in range(1, vms + 1):
            if n % 2:
                client = Client.create(name=f"Client {n:06}", email=f"ops@client-{n:06}.example")
            service = Service.create(client=client, product=product, status="Active")
            name = f"vm-{service.id}"
            vm = Vm.create(
                uid=str(uuid.uuid4()),
                service=service,
                server=server,
                vm_status="ready",
                vmid=2000 + n,
                node="pve-waw1",
                target_node="pve-waw1",
                name=name,
                domain="example.com",
                mac="BC:24:11:00:00:01",
                bridge="vmbr0",
                smbios_uuid=str(uuid.uuid4()),
                os_user="user1234",
                os_password=seal,
                plan=plan,
                remote_status="running",
            )
            VmidClaim.create(server=server, vmid=2000 + n, vm=vm)
            for place, address in enumerate((f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", f"2001:db8::{n:x}")):
                Address.create(
                    server=server,
                    bridge="vmbr0",
                    address=address,
                    vm=vm,
                    position=place,
                    prefix=64,
                    gateway="10.0.0.1",
                )
                kind = ("A", "AAAA")[place]
                DnsRecord.create(
                    zone=zone, vm=vm, name=f"{name}.example.com", type=kind, content=address, state="written"
                )


def _simulate(vms: int, days: int, real: int) -> None:
    end = now_ms() - now_ms() % DAY_MS
    resources = TaskResources(Servers(), "benchmark", lambda: True)
    first = end - days * DAY_MS
    if real < days:
        _months(first, end - real * DAY_MS)
    for day in range(days):
        begin = first + day * DAY_MS
        started = time.monotonic()
        _audit(begin, AUDITED * vms // 10_000)
        if day < days - real:
            continue
        with transaction():
            _traffic(begin)
            for work in WORK:
                _work(begin, vms, *work)
            _stuck(begin, max(1, STUCK * vms // 10_000))
        while retention.run(resources, pause_s=0, now=begin + DAY_MS).processed:
            pass
        database.execute_sql("PRAGMA wal_checkpoint(PASSIVE)")
        if day % 10 == 9:
            pages = database.execute_sql("PRAGMA page_count").fetchone()[0] * 4096
            print(
                f"day {day + 1}: {pages / 1e6:.0f} MB, {time.monotonic() - started:.1f} s per day", flush=True
            )


def _months(first: int, end: int) -> None:
    """Write the monthly traffic of the days that are not simulated in full."""
    name = month_of(end)
    with transaction():
        while (name := month_before(name)) >= month_of(first):
            execute(
                "INSERT INTO traffic (vm, service, hour, bytes_in, bytes_out) "
                "SELECT id, service_id, ?, 40000000000, 40000000000 FROM vm",
                sum(bounds(name)) // 2,
            )


def _audit(begin: int, rows: int) -> None:
    """Write audit rows of changed options, each with a real hash."""
    change = {"product": "VPS-2", "options": {"cores": 4, "memory": 4096}}
    with transaction():
        for n in range(rows):
            audit.record(
                ME, "change-package", "vm", str(n), f"vm-{n}",
                before={"vm_status": "ready", "service_status": "Active"}, after={**change, "was": change},
            )  # fmt: skip


def _traffic(begin: int) -> None:
    for hour in range(24):
        execute(
            "INSERT INTO traffic (vm, service, hour, bytes_in, bytes_out) "
            "SELECT id, service_id, ?, 40000000 + id, 90000000 + id FROM vm ORDER BY id",
            begin + hour * HOUR_MS,
        )


def _work(
    begin: int, vms: int, name: str, each_day: int, steps: int, events: int, calls: int, mails: int
) -> None:
    """Write one run of every VM that is due on this day."""
    share = max(1, round(10_000 / each_day))
    turn = begin // DAY_MS % share
    at = f"{begin} + id * {DAY_MS // (2 * vms)}"
    due = f"FROM vm WHERE id % {share} = {turn}"
    by = json.dumps({"by": "engine", "at": begin})
    execute(
        "INSERT INTO request (vm, service, pipeline, action, args, login, source, state, run, error, requested_at, "
        f"started_at, ended_at) SELECT id, service_id, '{name}', '{name}', '{{\"local_date\": \"2026-04-10\"}}', "
        f"'engine', 'engine', 'done', id, '', {at}, {at}, {at} {due}"
    )
    last = execute("SELECT COALESCE(MAX(id), 0) FROM run").fetchone()[0]
    execute(
        "INSERT INTO run (vm_id, action, from_status, to_status, result, started_at, finished_at, error, request, "
        f"request_id) SELECT id, '{name}', 'ready', 'ready', 'success', {at}, {at} + 60000, '', ?, id {due}",
        by,
    )
    runs = f"FROM run WHERE id > {last}"
    for n in range(steps):
        execute(
            "INSERT INTO step (run_id, n, step, label, from_status, to_status, result, started_at, ms, error, notes) "
            f"SELECT id, {n + 1}, '{name}.{n + 1}', 'Set additional disk I/O', 'ready', 'ready', 'success', "
            "started_at, 340, '', '[\"made backup:backup/vzdump-qemu-12345-2026_04_10-03_49_18.vma.zst\"]' "
            + runs
        )
    line = f"[+] sid:12345  1. {'Make backup':<28} {'success (ready -> ready)':<50} [61.03s]\n      · made backup:x/vz"
    for n in range(events):
        execute(
            "INSERT INTO event (at, kind, level, vm, service, run, text, data) "
            f"SELECT started_at + {n}, 'step', 'success', vm_id, vm_id, id, ?, ? {runs}",
            line,
            json.dumps({"step": f"{name}.1", "n": n}),
        )
    for _ in range(calls):
        execute(
            "INSERT INTO call (server_id, vm_id, run_id, step, what, method, path, node, vmid, params_hash, fence, "
            f"state, upid, outcome, intent_at, answered_at, ended_at) SELECT 1, vm_id, id, '{name}.1', "
            "'making a backup', 'POST', '/nodes/pve-waw1/vzdump', 'pve-waw1', vm_id, ?, 7, 'ended', ?, 'OK', "
            f"started_at, started_at, started_at {runs}",
            uuid.uuid4().hex * 2,
            UPID,
        )
    for n in range(mails):
        execute(
            "INSERT INTO outbox (uid, key, vm_id, template, recipient, language, context, state, attempts, due_at, "
            f"error, created_at, sent_at) SELECT 'u{n}-' || id || '-0123-4567-89ab-cdef01234567', "
            f"'changed:{n}:{uuid.uuid4()}:' || id, vm_id, 'changed', 'ops@client.example', 'en', '', 'sent', 1, "
            f"started_at, '', started_at, started_at {runs}"
        )
    if name == "Backup":
        date = datetime.fromtimestamp(begin / 1000, UTC).strftime("%Y-%m-%d")
        execute(
            "INSERT INTO daily_backup (vm_id, local_date, state, upid, error, at) "
            f"SELECT id, '{date}', 'done', '{UPID}', '', {at} {due}"
        )
        old = datetime.fromtimestamp(begin / 1000 - 60 * 86_400, UTC).strftime("%Y-%m-%d")
        execute("DELETE FROM daily_backup WHERE local_date < ?", old)


def _stuck(begin: int, vms: int) -> None:
    """Write a failed run per minute of each stuck VM; the engine keeps the newest 50 runs of a VM."""
    error = "Template 9000 was not found on server pve-waw1. Create it, or select another one in the product."
    for minute in range(1440):
        at = begin + minute * 60_000
        last = execute("SELECT COALESCE(MAX(id), 0) FROM run").fetchone()[0]
        execute(
            "INSERT INTO run (vm_id, action, from_status, to_status, result, started_at, finished_at, error, request) "
            "SELECT id, 'Deploy', 'set_ip', 'set_ip', 'error', ?, ?, ?, '{}' FROM vm WHERE id <= ?",
            at, at, error, vms,
        )  # fmt: skip
        execute(
            "INSERT INTO step (run_id, n, step, label, from_status, to_status, result, started_at, ms, error, notes) "
            "SELECT id, 1, 'clone', 'Clone VM', 'set_ip', 'clone', 'error', ?, 90, ?, '[]' FROM run WHERE id > ?",
            at, error, last,
        )  # fmt: skip
        for kind in ("run", "step", "run", "vm"):
            execute(
                "INSERT INTO event (at, kind, level, vm, service, run, text, data) "
                "SELECT ?, ?, 'error', vm_id, vm_id, id, ?, ? FROM run WHERE id > ?",
                at, kind, f"[-] sid:12345  1. Clone VM                     {error} (set_ip -> clone) [0.09s]",
                json.dumps({"error": error}), last,
            )  # fmt: skip
    for vm in range(1, vms + 1):
        execute(
            "DELETE FROM run WHERE vm_id = ? AND id < "
            "(SELECT id FROM run WHERE vm_id = ? ORDER BY id DESC LIMIT 1 OFFSET 49)",
            vm, vm,
        )  # fmt: skip


def _report(path: Path, chosen: argparse.Namespace) -> int:
    size = path.stat().st_size
    free = database.execute_sql("PRAGMA freelist_count").fetchone()[0] * 4096
    tables = database.execute_sql(
        "SELECT m.tbl_name, SUM(s.pgsize) AS size FROM dbstat s JOIN sqlite_master m ON m.name = s.name "
        "GROUP BY m.tbl_name ORDER BY size DESC LIMIT 14"
    ).fetchall()
    for table, pages in tables:
        rows = database.execute_sql(f'SELECT COUNT(*) FROM "{table}"').fetchone()[0]
        print(f"  {table:<16} {pages / 1e6:8.1f} MB {rows:>10} rows")
    assert Setting.select().exists()
    print(
        f"{chosen.vms} VMs, {chosen.days} days: {size / 1e6:.0f} MB, of which {free / 1e6:.0f} MB are free pages; "
        f"per 10,000 VMs {size * 10_000 / chosen.vms / 1e6:.0f} MB (target: under {TARGET / 1e6:.0f} MB)"
    )
    return size


if __name__ == "__main__":
    sys.exit(main())
