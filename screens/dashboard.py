"""The dashboard: what there is, and what needs an operator, on one page."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from engine.queries.dashboard import Dashboard, dashboard
from screens.latest import Latest
from screens.moments import age, ago
from screens.place import Happened, Place
from screens.text import clamp, fit
from screens.widgets.bar import share
from screens.widgets.counting import counted
from screens.widgets.state import State
from screens.widgets.toned import Toned

_SERVER_TONES = {"ok": "ok", "failing": "error", "paused": "warn"}
_SERVER_SIGNS = {"ok": "[+]", "failing": "[-]", "paused": "[=]"}
_CARD = 24
_STUCK = 6
_MAILS = 3


class Overview(Toned):
    """The page itself, drawn from one reading."""

    def __init__(self) -> None:
        super().__init__(id="overview")
        self._found: Dashboard | None = None

    def show(self, found: Dashboard) -> None:
        """Shows another reading; the same one paints nothing."""
        before = None if self._found is None else self.words()
        self._found = found
        if before is None or self.words() != before:
            self.refresh(layout=True)

    def words(self) -> Text:
        """Everything the page says."""
        if self._found is None:
            return Text()
        found = self._found
        parts = [self._begin(found), self._cards(found), self._stuck(found), self._mails(found)]
        parts += [self._pools(found), self._servers(found), self._tasks(found), self._engines(found)]
        return Text("\n").join(line for part in parts if part for line in [*part, Text("")])

    def render(self) -> Text:
        return self.words()

    @property
    def _width(self) -> int:
        return max(40, self.size.width or self.app.size.width - 3)

    def _line(self, *pieces: tuple[str, str]) -> Text:
        return self.toned(*pieces)

    def _title(self, words: str, note: str = "") -> Text:
        return self._line((f"{words}  ", "accent"), (note, "muted"))

    def _begin(self, found: Dashboard) -> list[Text]:
        """Where to begin, while nobody has a service."""
        if any(found.services.values()):
            return []
        return [self._title("First steps", "press F: from your cluster to the first machine")]

    def _cards(self, found: Dashboard) -> list[Text]:
        per_line = max(1, self._width // _CARD)
        cards = list(_cards(found))
        lines: list[Text] = []
        for start in range(0, len(cards), per_line):
            row = cards[start : start + per_line]
            lines.append(self._line(*((fit(title, _CARD), "muted") for title, _, _ in row)))
            lines.append(self._line(*((fit(words, _CARD), tone) for _, words, tone in row)))
        return lines

    def _stuck(self, found: Dashboard) -> list[Text]:
        if not found.stuck:
            return [self._title("Stuck VMs", "none")]
        need = "needs" if found.stuck_total == 1 else "need"
        rows = [self._title("Stuck VMs", f"{found.stuck_total} {need} an operator")]
        for vm in found.stuck[:_STUCK]:
            head = f"[-] {vm.service_id} {clamp(vm.name, 20)} "
            place = f"({vm.vm_status}) {age(vm.since)}: "
            why = clamp(vm.why, max(10, self._width - len(head) - len(place)))
            rows.append(self._line((head, "error"), (place, "muted"), (why, "")))
        more = found.stuck_total - min(_STUCK, len(found.stuck))
        return [*rows, self._line((f"… {more} more: 2, then t", "muted"))] if more > 0 else rows

    def _pools(self, found: Dashboard) -> list[Text]:
        if not found.full_pools:
            note = "none close to full" if found.pools else "no pool yet: press 3, then a"
            return [self._title("Full pools", note)]
        rows = [self._title("Full pools", "almost no address is left")]
        for pool in found.full_pools:
            cell = share(pool.used, pool.total)
            rows.append(self._line((f"{pool.id:>4}  ", ""), (f"{cell.text}  ", cell.tone), (pool.label, "")))
        return rows

    def _servers(self, found: Dashboard) -> list[Text]:
        if not found.servers:
            return [self._title("Servers", "no server yet: press 6, then a")]
        rows = [self._title("Servers")]
        for server in found.servers:
            tone = _SERVER_TONES.get(server.state, "muted")
            sign = _SERVER_SIGNS.get(server.state, "[ ]")
            said = (
                server.error
                if server.state == "failing"
                else f"PVE {server.version}"
                if server.version
                else ""
            )
            head = f"{sign} {fit(server.name, 18)} "
            rows.append(
                self._line(
                    (head, tone), (f"{server.state:<8} ", tone), (clamp(said, self._width - 32), "muted")
                )
            )
        return rows

    def _tasks(self, found: Dashboard) -> list[Text]:
        rows = [self._title("Tasks", f"{found.dns_debt} DNS records owed" if found.dns_debt else "")]
        for task in found.tasks:
            tone = "error" if task.errors else "muted" if task.last_run_at is None else ""
            result = f"{task.processed} done, {task.errors} errors" if task.last_run_at is not None else ""
            running = " · running now" if task.locked_by else ""
            words = f"{ago(task.last_run_at):<12} {result}{running}"
            rows.append(self._line((f"    {fit(task.task, 22)} ", ""), (words, tone)))
        return rows

    def _mails(self, found: Dashboard) -> list[Text]:
        """Mails that clients did not get; nothing while there are none."""
        if not found.mails:
            return []
        rows = [self._title("Mails", f"{found.mails_total} did not go: kvmtui mail outbox")]
        for mail in found.mails[:_MAILS]:
            head = f"[-] {mail.id} {mail.template} "
            about = f"to {clamp(mail.recipient, 28)} {age(mail.created_at)}: "
            why = clamp(mail.error or "waits", max(10, self._width - len(head) - len(about)))
            rows.append(self._line((head, "error"), (about, "muted"), (why, "")))
        return rows

    def _engines(self, found: Dashboard) -> list[Text]:
        if not found.engines:
            return [self._title("Engine", "none works: nothing is deployed until one does")]
        rows = [self._title("Engine")]
        for each in found.engines:
            since = f"for {age(each.started_at)}"
            rows.append(
                self._line((f"[+] {each.kind} on {each.host} ", "ok"), (f"pid {each.pid} {since}", "muted"))
            )
        return rows


def _cards(found: Dashboard) -> Iterator[tuple[str, str, str]]:
    """The cards: title, total that matters, tone."""
    vms, active = found.vms, found.services.get("Active", 0)
    yield "IP Pools (3)", f"{found.pools}", "" if not found.full_pools else "warn"
    yield "DNS Zones (4)", f"{found.zones}", "warn" if found.dns_debt else ""
    yield "KVM Services (8)", f"{active} active of {sum(found.services.values())}", ""
    yield "VM Management (2)", counted(vms["total"], "VMs"), ""
    yield "ready", f"{vms['ready']}", "ok"
    yield "at work · waiting", f"{vms['working']} · {vms['waiting']}", "busy" if vms["working"] else ""
    yield "stuck", f"{vms['stuck']}", "error" if vms["stuck"] else "ok"
    yield "Settings (9)", counted(len(found.tasks), "tasks"), ""


class DashboardPlace(Place):
    """Home."""

    NAME = "dashboard"
    SCOPE = "dashboard"

    def compose(self) -> ComposeResult:
        yield State("loading", id="dashboard-state")
        yield VerticalScroll(Overview(), id="dashboard-page")

    def __init__(self) -> None:
        super().__init__()
        self._reading = Latest(self, self._read)

    def on_mount(self) -> None:
        self.query_one("#dashboard-page").display = False
        self.query_one("#dashboard-page").focus()
        self.reread()

    def reread(self, happened: Happened | None = None) -> None:
        self._reading.wanted()

    async def _read(self) -> None:
        found = await self.beside(dashboard)
        self.call_after_refresh(self.post_message, self.Shown())
        page, state = self.query_one("#dashboard-page"), self.query_one("#dashboard-state", State)
        page.display, state.display = found is not None, found is None
        if found is None:
            state.say("error", "The dashboard could not be read.", "ctrl+r tries again.")
            return
        self.query_one(Overview).show(found)
        if self.screen.focused is None:
            page.focus()
