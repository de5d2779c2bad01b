"""The lines of the dashboard: what each says, and what it opens. Nothing here draws or reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from engine.clock import local, now_ms
from engine.counting import counted
from engine.queries.attention import Need, ScreenTarget
from engine.queries.capacity import HOUR_MS, Load
from engine.queries.dashboard import Dashboard
from engine.queries.workload import Busy
from screens.common import glyphs
from screens.common.text import clamp, fit
from screens.common.times import age, ago
from screens.dashboard.navigation import ALERTS

GIB = 1024**3
WIDE, TALL = 100, 30
"""From here on, two columns, and room for more lines of each section."""
PAIRED = 76
"""From here on, the short lines of Pending and Next stand side by side where there is little height."""
_STALE_MS = 5 * 60_000
_CELLS = 8
_NEAR_DAYS = 60
Pieces = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class DashboardLine:
    """One line: its words with their tones, what enter opens and where `f` leads."""

    key: str
    pieces: Pieces
    opens: ScreenTarget | None = None
    fix: ScreenTarget | None = None


@dataclass(frozen=True, slots=True)
class DashboardSection:
    """Lines under a title; `side` is 0 for the left column, 1 for the right one, None for the whole width."""

    title: str
    note: str
    lines: list[DashboardLine] = field(default_factory=list)
    side: int | None = None
    paired: bool = False
    """Whether it shares its rows with the section of the other side."""


def sections(found: Dashboard, width: int, height: int, drawn: bool) -> list[DashboardSection]:
    """The page for a terminal of this size; `drawn`: it shows block characters."""
    wide, tall = width >= WIDE, height >= TALL
    left, right = columns(width, wide)
    made = [_first_steps(found), _needs(found, width, 14 if tall else 6)]
    made += [_capacity(found, left, tall, drawn), _work(found, right, 4 if tall else 2)]
    short = wide or (not tall and width >= PAIRED)
    left, right = columns(width, short)
    made += [_pending(found, left), _next(found, right), _totals(found)]
    shown = [each for each in made if each is not None]
    pairs = {"Capacity": wide, "Work": wide, "Pending": short, "Next": short}
    return [replace(each, paired=pairs.get(each.title, False)) for each in shown]


def columns(width: int, two: bool) -> tuple[int, int]:
    """The widths of the left and the right column."""
    left = width * 54 // 100
    return (left, width - left - 1) if two else (width, width)


def _first_steps(found: Dashboard) -> DashboardSection | None:
    """Where to begin, while nobody has a service."""
    if any(found.services.values()):
        return None
    return DashboardSection("First steps", "press F: from your cluster to the first VM")


def _needs(found: Dashboard, width: int, most: int) -> DashboardSection:
    total = len(found.needs) + found.stuck_total - len(found.stuck)
    if not total:
        return DashboardSection("Needs you", "nothing")
    shown = found.needs if total <= most else found.needs[: most - 1]
    lines = [_need(each, width) for each in shown]
    if total > len(shown):
        words = f"  … {total - len(shown)} more: enter lists them"
        lines.append(DashboardLine("needs more", ((words, "muted"),), ALERTS))
    return DashboardSection("Needs you", f"{total}" if total > 1 else "", lines)


def _need(each: Need, width: int) -> DashboardLine:
    tone = "error" if each.urgent else "warn"
    about = each.about if each.kind in ("stuck", "mail", "engine") else f"{each.kind} {each.about}"
    when = _when(each, width >= WIDE)
    room = max(14, min(34, width // 5))
    head = fit(_pool(each.about, room) if each.kind == "pool" else about, room)
    more = f"{fit(each.more, 18)} " if width >= WIDE and each.kind == "stuck" else ""
    room = max(8, width - 3 - len(head) - len(more) - len(when))
    pieces = ((f"{'!' if each.urgent else '~'} ", tone), (f"{head} ", tone), (more, "muted"))
    words = fit(each.why, room) if when else clamp(each.why, room)
    return DashboardLine(
        f"need {each.kind} {each.about}", (*pieces, (words, ""), (when, "muted")), each.opens, each.fix
    )


def _pool(name: str, room: int) -> str:
    """A range of addresses in a few cells: the end as far as it differs, or only the first address.

    >>> _pool("192.0.2.2 – 192.0.2.30", 22), _pool("10.40.0.10 – 10.40.3.250", 22)
    ('pool 192.0.2.2–30', 'pool 10.40.0.10 …')
    """
    first, _, last = name.partition(" – ")
    parent, mark, own = last.rpartition(":" if ":" in last else ".")
    if first.startswith(parent + mark):
        name = f"{first}–{own}"
    tries = (f"pool {name}", name, f"pool {first} …", f"{first} …")
    return next((words for words in tries if len(words) <= room), tries[-1])


def _when(each: Need, wide: bool) -> str:
    if each.since is None:
        return ""
    if not wide:
        return f"  {age(each.since)}"
    retry = f", retry {_minutes(each.retry_at)}" if each.retry_at is not None else ""
    return f"  {age(each.since)} ago{retry}"


def _minutes(ms: int) -> str:
    minutes = -(-(ms - now_ms()) // 60_000)
    return f"in {minutes} min" if minutes > 0 else "now"


def _capacity(found: Dashboard, width: int, tall: bool, drawn: bool) -> DashboardSection:
    most, rows = (12, 3) if tall else (4, 1)
    nodes = [each for each in found.loads if each.kind == "node"]
    worst = sorted(nodes, key=lambda each: (each.up, not each.full))[
        : most if len(nodes) <= most else most - 1
    ]
    several = len({each.server for each in nodes}) > 1
    shown = [each for each in nodes if each in worst]
    lines = [_node(each, several, width, drawn) for each in shown]
    if len(nodes) > len(shown):
        words = f"… {counted(len(nodes) - len(shown), 'more nodes')}, none in red"
        lines.append(DashboardLine("nodes", ((words, "muted"),), ScreenTarget("servers")))
    lines += _storages(found.loads, width, rows)
    lines += _pools(found.loads, width, rows)
    lines += _silent(found, {each.server for each in nodes}, width)
    note = "" if found.servers else "no server yet: press 6, then +"
    return DashboardSection("Capacity", note, lines, 0)


def _node(each: Load, several: bool, width: int, drawn: bool) -> DashboardLine:
    name = f"{each.server}/{each.name}" if several else each.name
    head = fit(name, 22 if several and width >= 60 else 12)
    there = ScreenTarget("servers", each.server)
    if not each.up and not each.stale:
        return DashboardLine(f"node {name}", ((f"{head} ", "error"), ("! offline", "error")), there, there)
    cpu = "  ? %" if each.cpu_percent is None else f"{each.cpu_percent:3.0f} %"
    memory = f"{each.used / GIB:5.1f}/{each.total / GIB:3.0f} GiB"
    tone = "error" if each.full else ""
    if now_ms() - each.seen_at > _STALE_MS:
        said = f"CPU {cpu.strip()}  RAM {memory.strip()}"
        old = (f"as of {ago(each.seen_at)}  ", "warn")
        return DashboardLine(f"node {name}", ((f"{head} ", "muted"), old, (said, "muted")), there)
    pieces = [(f"{head} ", tone), ("CPU ", "muted"), (spark(each.history, drawn), "busy"), (f"{cpu}  ", tone)]
    pieces += [("RAM ", "muted"), (f"{memory}{' !' if each.full else ''}", tone)]
    if width >= 58:
        pieces.append((f"  {counted(each.vms, 'VMs')}", "muted"))
    return DashboardLine(f"node {name}", tuple(pieces), there)


def spark(history: Sequence[float | None], drawn: bool, cells: int = _CELLS) -> str:
    """Percents as bars on an axis from 0 to 100; empty where nothing is known."""
    known = [each for each in history if each is not None]
    if not known:
        return ""
    heights, step = glyphs.heights(drawn), max(1, len(history) // cells)
    made = ""
    for start in range(0, len(history), step):
        some = [each for each in history[start : start + step] if each is not None]
        mean = sum(some) / len(some) if some else None
        made += " " if mean is None else heights[max(1, min(8, round(mean * 8 / 100)))]
    return f"{made} "


def _storages(loads: Sequence[Load], width: int, rows: int) -> Iterator[DashboardLine]:
    """For each server, its storages in up to so many rows: the fullest first, each as full as on its fullest node."""
    stores = sorted((each for each in loads if each.kind == "storage"), key=lambda each: each.server)
    groups = [(name, list(some)) for name, some in groupby(stores, key=lambda each: each.server)]
    for server, some in groups:
        fullest: dict[str, Load] = {}
        for each in sorted(some, key=lambda each: (-each.alert, -each.percent)):
            fullest.setdefault(each.name, each)
        shares = [(each.name, each, ScreenTarget("servers", server)) for each in fullest.values()]
        title = f"Storages {server}" if len(groups) > 1 else "Storages"
        yield from _shares(title, shares, width, rows)


def _pools(loads: Sequence[Load], width: int, rows: int) -> Iterator[DashboardLine]:
    pools = sorted((each for each in loads if each.kind == "pool"), key=lambda each: -each.alert)
    shares = [(each.name.partition(" ")[0], each, ScreenTarget("pools", each.pool_id)) for each in pools]
    yield from _shares("Pools", shares, width, rows)


def _shares(
    title: str, shares: Sequence[tuple[str, Load, ScreenTarget]], width: int, rows: int
) -> Iterator[DashboardLine]:
    """Names with their percent in up to so many rows; each row opens what it names first."""
    head = fit(title, max(12, len(title))) + " "
    left = list(shares)
    for row in range(min(rows, len(shares))):
        pieces: list[tuple[str, str]] = [(" " * len(head) if row else head, "muted")]
        room, named = width - len(head), []
        while left and len(said := _share(left[0][0], left[0][1])) + 4 <= room:
            load = left[0][1]
            pieces.append((f"{said}  ", "error" if load.full else "warn" if load.soon else ""))
            room -= len(said) + 2
            named.append(left.pop(0))
        cut = bool(left) and (row == rows - 1 or not named)
        if cut:
            pieces.append(("…", "muted"))
        there = (named or left)[0][2]
        fix = there if any(load.alert for _, load, _ in named) else None
        yield DashboardLine(
            f"share {title} {row + 1}" if row else f"share {title}", tuple(pieces), there, fix
        )
        if cut or not left:
            break


def _share(name: str, load: Load) -> str:
    near = load.days_left is not None and load.days_left <= _NEAR_DAYS and load.used < load.total
    days = f" full in {load.days_left:.0f} d" if near else ""
    return f"{clamp(name, 24)} {load.percent} %{' !' if load.alert else ''}{days}"


def _silent(found: Dashboard, told: set[str], width: int) -> Iterator[DashboardLine]:
    """Servers without figures, and why."""
    for each in found.servers:
        if each.name in told and each.state in ("ok", "unknown"):
            continue
        words = {"paused": "paused", "failing": f"last answer {ago(each.last_ok)}"}.get(
            each.state, "not measured yet"
        )
        tone = "error" if each.state == "failing" else "muted"
        head = f"{fit(each.name, 12)} "
        there = ScreenTarget("servers", each.name)
        yield DashboardLine(
            f"server {each.name}", ((head, tone), (clamp(words, width - len(head)), tone)), there, there
        )


def _work(found: Dashboard, width: int, most: int) -> DashboardSection:
    work = found.work
    failed = (f"failed {work.failed_today}", "error" if work.failed_today else "muted")
    counts = (
        (f"running {work.running + work.waiting}  ", "busy" if work.running + work.waiting else "muted"),
        (f"queued {work.queued}  ", "busy" if work.queued else "muted"),
        (f"done today {work.done_today}  ", "muted"),
        failed,
    )
    lines = [DashboardLine("work", counts, ScreenTarget("vms"))]
    for each in work.busy[:most]:
        head = f"{fit(each.name or str(each.service_id), 12)} "
        step = f"{each.action}  {_progress(each)}".rstrip()
        took = f"  {age(each.since)}"
        room = max(8, width - len(head) - len(took))
        pieces = ((head, "busy"), (fit(step, min(room, 40)), ""), (took, "muted"))
        lines.append(DashboardLine(f"busy {each.service_id}", pieces, ScreenTarget("vm", each.service_id)))
    if work.deploy_mean_s is not None:
        words = f"deploy: average {work.deploy_mean_s:.0f} s, 95 % within {work.deploy_p95_s:.0f} s"
        lines.append(DashboardLine("deploys", ((words, "muted"),), ScreenTarget("vms")))
    return DashboardSection("Work", "", lines, 1)


def _progress(each: Busy) -> str:
    if each.total:
        return f"{each.done + 1}/{each.total} {each.step}"
    return f"{each.done} done · {each.step}" if each.step else ""


def _pending(found: Dashboard, width: int) -> DashboardSection:
    lines = []
    for each in found.pending:
        tone = "warn" if each.late else ""
        head = f"{each.what} {each.number}"
        detail = clamp(each.detail, max(0, width - len(head) - 2))
        pieces = ((f"{head}  ", tone), (detail, "muted"))
        lines.append(
            DashboardLine(f"pending {each.what}", pieces, each.opens, each.opens if each.late else None)
        )
    for soon in found.expiry:
        when = "has expired" if soon.days < 0 else f"expires in {soon.days} d"
        name = clamp(soon.name, max(8, width - len(soon.what) - len(when) - 4))
        tone = "warn" if soon.late else "muted"
        pieces = ((f"{soon.what} {name}  ", "warn" if soon.late else ""), (when, tone))
        fix = soon.opens if soon.late else None
        lines.append(DashboardLine(f"expiry {soon.what}", pieces, soon.opens, fix))
    return DashboardSection("Pending", "" if lines else "nothing", lines, 0)


def _next(found: Dashboard, width: int) -> DashboardSection:
    lines = []
    for each in found.upcoming:
        here = local(each.at)
        day = f"{here:%a} " if each.at - now_ms() > 24 * HOUR_MS else ""
        words = ((f"{day}{here:%H:%M}  ", ""), (clamp(each.what, width - 12), "muted"))
        lines.append(DashboardLine(f"next {each.what}", words, each.opens))
    last = found.last_change
    if last is not None:
        when = f", {ago(last.at)}"
        change = f"{last.login or 'kvmtui'}: {last.action} {last.about}"
        said = f"last change  {clamp(change, max(8, width - 13 - len(when)))}{when}"
        lines.append(DashboardLine("last change", ((said, "muted"),), ScreenTarget("audit")))
    return DashboardSection("Next", "" if lines else "nothing scheduled", lines, 1)


def _totals(found: Dashboard) -> DashboardSection:
    active = found.services.get("Active", 0)
    words = (
        f"VMs (2) {found.vms['total']:,}, {found.vms['ready']:,} ready · Pools (3) {found.pools:,} · "
        f"Zones (4) {found.zones:,} · Services (8) {active:,} active"
    )
    return DashboardSection("", "", [DashboardLine("totals", ((words, "muted"),), ScreenTarget("vms"))])
