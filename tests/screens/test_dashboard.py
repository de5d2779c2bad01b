"""The dashboard answers what needs an operator; each line opens what it names, `f` leads to the cause."""

from __future__ import annotations

import sys
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import pytest
from textual.geometry import Region
from textual.pilot import Pilot

import engine.pipelines.registry  # noqa: F401 - step totals are shown from the first reading on
from engine.clock import local_now, now_ms
from engine.queries.dashboard import alerts, dashboard
from engine.schedule.registry import TASKS
from engine.store import kept
from engine.store.models import (
    Address,
    ApiToken,
    Audit,
    Capacity,
    DnsRecord,
    Outbox,
    Pool,
    Run,
    Server,
    Snapshot,
    SnapshotSchedule,
    Step,
    TaskState,
    Vm,
    Zone,
)
from engine.store.settings import Thresholds, write
from engine.work.task_ledger import standing
from screens.dashboard.alerts import Alerts
from screens.dashboard.screen import DashboardView
from screens.dashboard.sections import spark
from tests.conftest import Store
from tests.screens.console_site import HOSTILE, NOW, console, fill, place, settle, steady
from tests.screens.pressing import dialog, press, words

GIB = 1024**3
MIN = 60_000
HOUR, DAY = 60 * MIN, 24 * 60 * MIN


def measured(kind: str, name: str, used: int, total: int, **more: Any) -> None:
    """A figure the engine has kept."""
    now = now_ms()
    row = {"server": Server.get(), "kind": kind, "name": name, "used": used, "total": total}
    Capacity.create(**row | {"at": now - now % (10 * MIN), "seen_at": now} | more)


def pool(used: int, free: int = 0) -> Pool:
    """A pool with so many used and free addresses."""
    first, last = ip_address("198.51.100.10"), ip_address("198.51.100.10") + used + free - 1
    made = Pool.create(
        server=Server.get(),
        type="IPv4",
        bridge="vmbr0",
        gateway="198.51.100.1",
        mask=24,
        start=first,
        stop=last,
    )
    for number in range(used):
        Address.create(
            server=Server.get(), bridge="vmbr0", address=first + number, pool=made, prefix=24,
            gateway="198.51.100.1", state="reserved",
        )  # fmt: skip
    return made


@pytest.fixture
def site(sqlite_store: Store) -> Store:
    """Six VMs in every state, a full pool, three nodes and two storages."""
    fill()
    pool(used=25, free=4)
    measured("node", "pve1", 5 * GIB, 64 * GIB, node="pve1", cpu=0.12)
    measured("node", "pve2", 120 * GIB, 128 * GIB, node="pve2", cpu=0.5)
    measured("storage", "local-lvm", 12, 100, node="pve1")
    measured("storage", "ceph", 91, 100)
    return sqlite_store


async def to_line(pilot: Pilot[Any], key: str) -> DashboardView:
    """Moves the cursor to a line, by keys alone."""
    await settle(pilot)
    page = pilot.app.query_one(DashboardView)
    await press(pilot, "home")
    for _ in range(30):
        if page.current is not None and page.current.key.startswith(key):
            return page
        await press(pilot, "down")
    raise AssertionError(f"no line {key}")


@pytest.mark.parametrize(("size", "missing"), [((80, 24), 3), ((120, 40), 0)])
async def test_storages_take_more_lines_where_there_is_room(
    site: Store, size: tuple[int, int], missing: int
) -> None:
    for number in range(4):
        measured("storage", f"shelf-number-{number}", 10, 100)
    async with console().run_test(size=size) as pilot:
        await settle(pilot)
        shown = words(pilot)
        assert sum(f"shelf-number-{number} 10 %" not in shown for number in range(4)) == missing
        page = pilot.app.query_one(DashboardView)
        lines = [spot.line for spot in page._spots if spot.line.key.startswith("share Storages")]
    assert len({line.key for line in lines}) == len(lines)
    assert [line.fix is not None for line in lines] == [True, *[False] * (len(lines) - 1)]  # ceph is full


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_what_needs_an_operator_comes_first(site: Store, size: tuple[int, int]) -> None:
    async with console().run_test(size=size) as pilot:
        await settle(pilot)
        shown = words(pilot)
    assert "Needs you 4" in shown
    needs = shown.partition("Needs you")[2].partition("Capacity")[0]
    order = [needs.index(word) for word in ("vps-5547", "vps-5550", "storage ceph", "198.51")]
    assert order == sorted(order)
    assert "25 of 29 in use (86 %), 4 left" in needs
    assert "storage pve1" not in needs and "12 % in use" not in needs


@pytest.mark.parametrize(
    ("line", "key", "name", "row"),
    [
        ("need stuck vps-5547", "enter", "", 5547),
        ("need stuck vps-5547", "f", "products", "VPS-1"),
        ("need stuck vps-5550", "f", "products", "VPS-1"),
        ("need pool", "enter", "pools", 1),
        ("need storage", "f", "servers", "pve-waw1"),
        ("node pve1", "enter", "servers", "pve-waw1"),
        ("share Pools", "f", "pools", 1),
    ],
)
async def test_a_line_leads_there(site: Store, line: str, key: str, name: str, row: object) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await to_line(pilot, line)
        await press(pilot, key)
        if name:
            assert (place(pilot).NAME, place(pilot).list.cursor_key) == (name, row)  # type: ignore[attr-defined]
        else:
            assert place(pilot).service_id == row  # type: ignore[attr-defined]
        await press(pilot, "escape")
        assert place(pilot).NAME == "dashboard"


async def test_the_right_column_is_reached_by_keys(site: Store) -> None:
    Capacity.delete().execute()
    async with console().run_test(size=(120, 40)) as pilot:
        page = await to_line(pilot, "share Pools")
        await press(pilot, "right")
        assert page.current is not None and page.current.key == "work"
        await press(pilot, "left")
        assert page.current is not None and page.current.key == "share Pools"
        await press(pilot, "f", "escape", "up", "up", "up", "up", "up", "f")
        assert place(pilot).NAME == "products"


async def test_f_is_dim_where_nothing_is_to_be_fixed(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await to_line(pilot, "node pve1")
        await press(pilot, "f")
        assert place(pilot).NAME == "dashboard"
        assert [each.message for each in pilot.app._notifications] == [
            "There is nothing to fix on this line."
        ]


async def test_the_threshold_of_the_settings_counts_everywhere(site: Store) -> None:
    assert alerts() == len(dashboard().needs) == 4
    write(Thresholds(pool_percent=87, storage_percent=92))
    assert alerts() == len(dashboard().needs) == 2
    async with console().run_test(size=(120, 40)) as pilot:
        await press(pilot, "3")
        usage = place(pilot).list.source.page(0, 1)[0].cell(2)  # type: ignore[attr-defined]
        assert (usage.text[-6:], usage.tone) == ("86 % ~", "warn")
        write(Thresholds(pool_percent=86))
        await press(pilot, "ctrl+r")
        usage = place(pilot).list.source.page(0, 1)[0].cell(2)  # type: ignore[attr-defined]
        assert (usage.text[-6:], usage.tone) == ("86 % !", "error")


async def test_the_alerts_are_what_the_dashboard_says(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "!")
        shown = await dialog(pilot, Alerts)
        assert shown.table.count == len(dashboard().needs)
        await press(pilot, "end", "enter")
        assert place(pilot).NAME == "pools"


async def test_a_silent_server_says_since_when(site: Store) -> None:
    Server.update(failures=5, last_error="connection refused", last_ok_at=now_ms() - 30 * MIN).execute()
    Capacity.update(at=Capacity.at - 30 * MIN, seen_at=now_ms() - 30 * MIN).execute()
    async with console().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        shown = words(pilot)
    assert alerts() == len(dashboard().needs)
    assert "server pve-waw1" in shown and "connection refused" in shown
    assert "as of 30 min ago" in shown and "last answer 30 min ago" in shown


async def test_work_under_way_says_how_far_it_is(site: Store) -> None:
    vm = Vm.get(Vm.service == 5548)
    vm.vm_status, vm.wait_kind, vm.wait_why = "set_cpu_ram", "", ""
    vm.save()
    run = Run.create(vm=vm, action="Deploy", from_status="creation", live=1, started_at=now_ms())
    Step.create(run=run, n=1, step="set_ip", label="Allocate IP", from_status="creation", result="success")
    (busy,) = dashboard().work.busy
    assert (busy.done, busy.total, busy.step) == (5, 15, "Resize system disk")
    async with console().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert "Deploy 6/15 Resize system disk" in words(pilot)
    Vm.update(flow={"pipeline": "Restore", "reached": 1}, vm_status="ready").where(Vm.id == vm.id).execute()
    (busy,) = dashboard().work.busy
    assert (busy.done, busy.step) == (1, "Restore backup")


def test_step_totals_do_not_delay_the_first_reading(site: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    vm = Vm.get(Vm.service == 5548)
    run = Run.create(vm=vm, action="Deploy", from_status="creation", live=1)
    Step.create(run=run, n=1, step="set_ip", label="Allocate IP", from_status="creation", result="success")
    monkeypatch.delitem(sys.modules, "engine.pipelines.registry")
    (busy,) = dashboard(quick=True).work.busy
    assert (busy.done, busy.total, busy.step) == (1, 0, "Allocate IP")
    assert "engine.pipelines.registry" not in sys.modules


async def test_what_expires_and_what_comes_next_is_opened(site: Store) -> None:
    server, vm = Server.get(), Vm.get(Vm.service == 5546)
    kept.keep("certificates", server.uid, {"127.0.0.1": ["AA", now_ms() + 40 * DAY + HOUR, now_ms()]})
    ApiToken.create(name="billing", role="viewer", digest="x", expires_at=now_ms() + 30 * DAY + HOUR)
    ApiToken.create(name="years", role="viewer", digest="y", expires_at=now_ms() + 900 * DAY)
    vm.plan = vm.plan | {"snapshot_lifetime": 5}
    vm.save()
    for name, days in (("soon", 4.5), ("gone", 6.0)):
        Snapshot.create(vm=vm, name=name, at=now_ms() - round(days * DAY))
    every = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    SnapshotSchedule.create(
        vm=vm, days=every, minute=(local_now().hour * 60 + local_now().minute + 60) % 1440
    )
    found = dashboard()
    assert [(each.what, each.opens.screen) for each in found.upcoming] == [
        ("1 snapshot", "vms"),
        ("snapshot of vps-5546 expires", "vm"),
    ]
    assert [(each.what, each.name, each.days) for each in found.expiry] == [
        ("token", "billing", 30),
        ("certificate", "pve-waw1", 40),
    ]
    async with console().run_test(size=(120, 40)) as pilot:
        await to_line(pilot, "expiry certificate")
        shown = words(pilot)
        assert "token billing expires in 30 d" in shown and "certificate pve-waw1 expires in 40 d" in shown
        await press(pilot, "enter")
        assert (place(pilot).NAME, place(pilot).list.cursor_key) == ("servers", "pve-waw1")  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_every_line_is_reached_and_opens_something(sqlite_store: Store, size: tuple[int, int]) -> None:
    fill()
    a_day()
    async with console().run_test(size=size) as pilot:
        await settle(pilot)
        page = pilot.app.query_one(DashboardView)
        lines = [each.line for each in page._spots]
        assert all(line.opens is not None for line in lines)
        reached = set()

        async def note(*keys: str) -> None:
            for key in keys:
                await pilot.press(key)
                assert page.current is not None
                reached.add(page.current.key)

        await note("home", *["down"] * len(lines))
        await press(pilot, "home")
        while any(each.side == 0 for each in page._spots) and page._spot.side != 0:  # type: ignore[union-attr]
            await pilot.press("down")
        await note("right", *["down"] * len(lines), *["up"] * len(lines))
        assert {line.key for line in lines} == reached


async def test_no_engine_is_reported_while_work_waits(site: Store) -> None:
    Vm.update(due_at=now_ms() - 5 * MIN).where(Vm.id == 1).execute()
    (need, *_) = dashboard().needs
    assert (need.kind, need.why[:32]) == ("engine", "no engine is running, 1 VM is wa")


async def test_mails_and_an_offline_node_are_named(site: Store) -> None:
    Outbox.create(uid="1", key="1", template="welcome", recipient="a@b.example", state="failed", context="x")
    Capacity.update(up=False).where(Capacity.name == "pve1").execute()
    found = {each.kind: each for each in dashboard().needs}
    assert found["node"].why == "node of pve-waw1 is offline"
    assert found["mail"].about == "1 mail not sent"
    assert alerts() == len(dashboard().needs)


async def test_nothing_is_drawn_while_nothing_changes(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        page = pilot.app.query_one(DashboardView)
        drawn: list[tuple[Region, ...]] = []
        page.refresh = lambda *regions, **_: drawn.append(regions) or page  # type: ignore[assignment, func-returns-value, method-assign, return-value]
        page.show(dashboard())
        assert drawn == []
        Vm.update(error="another reason").where(Vm.id == 2).execute()
        page.show(dashboard())
        assert [(each.y, each.height) for each in drawn[0]] == [(1, 1)]


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (200, 60)])
async def test_long_and_hostile_names_stay_in_their_line(site: Store, size: tuple[int, int]) -> None:
    Vm.update(name=HOSTILE * 20, error=HOSTILE * 40).execute()
    Server.update(name="s" * 200).execute()
    Capacity.update(name="n" * 200).where(Capacity.name.in_(["pve1", "ceph"])).execute()
    async with console().run_test(size=size) as pilot:
        await settle(pilot)
        page = pilot.app.query_one(DashboardView)
        assert all(line.cell_len <= page.size.width for line in page.words().split())
        assert "\x1b" not in page.words().plain and "\u202e" not in page.words().plain


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("scene", ["busy", "silent"])
def test_it_looks_as_it_did(
    scene: str,
    size: tuple[int, int],
    sqlite_store: Store,
    snap_compare: Callable[..., bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("screens.common.times", "screens.dashboard.sections", "engine.queries.capacity"):
        monkeypatch.setattr(f"{module}.now_ms", lambda: NOW)
    fill()
    a_day()
    if scene == "silent":
        Vm.update(error="").execute()
        Server.update(failures=5, last_error="connection refused", last_ok_at=NOW - 90 * MIN).execute()
        Capacity.delete().where(Capacity.at > NOW - 80 * MIN).execute()
    assert snap_compare(console(), terminal_size=size, run_before=steady)


def a_day() -> None:
    """A day of figures, work under way and what is pending, around the fixed moment."""
    pool(used=25, free=4)
    for step in range(144):
        at = NOW - NOW % (10 * MIN) - step * 10 * MIN
        seen = min(NOW, at + 10 * MIN)
        for number in (1, 2, 3):
            cpu, memory = (number * 11 + 40 * (step > 70)) % 97 / 100, number * 9 * GIB
            node = {"node": f"pve{number}", "cpu": cpu, "up": number != 3 or step > 2}
            measured("node", f"pve{number}", memory, 64 * GIB, at=at, seen_at=seen, **node)
        for name, used, days in (("backup", 760, 4.0), ("ceph", 310, 61.0), ("local-lvm", 120, None)):
            measured("storage", name, used * GIB, 1000 * GIB, at=at, seen_at=seen, days_left=days)
    for task in TASKS:
        standing(task)
    TaskState.update(last_run_at=NOW - 20 * MIN, errors=2).where(
        TaskState.name == "collectingStatistics"
    ).execute()
    zone = Zone.create(uid="z", name="example.com", type="powerdns", endpoint="http://192.0.2.53")
    DnsRecord.create(
        zone=zone,
        name="vps-5546",
        type="A",
        content="192.0.2.10",
        state="pending",
        error="192.0.2.53 timed out",
    )
    vm = Vm.get_by_id(3)
    run = Run.create(vm=vm, action="Deploy", from_status="creation", live=1, started_at=NOW - 9_000)
    Step.create(run=run, n=1, step="set_ip", label="Allocate IP", from_status="creation", result="success")
    Audit.create(
        at=NOW - 6 * MIN, login="root", action="change", kind="product", object_name="VPS-S", hash="x"
    )


def test_bars_have_a_fixed_axis() -> None:
    assert spark([1.0] * 24, True) == "▁▁▁▁▁▁▁▁ "
    assert spark([None] * 12 + [50.0] * 6 + [100.0] * 6, True) == "    ▄▄██ "
    assert spark([None] * 24, True) == ""


async def test_only_the_line_under_the_cursor_is_marked(site: Store) -> None:
    async with console().run_test(size=(120, 40)) as pilot:
        page = await to_line(pilot, "need pool")
        style = page.get_component_rich_style("table--cursor")
        marked = [row.plain for row in page._rows() if any(span.style == style for span in row.spans)]
    assert len(marked) == 1 and "pool 198.51" in marked[0]
