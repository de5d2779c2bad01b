"""The console itself: header, tabs, the open screen, the live log and the keys.

It receives what it needs in `Setup` and starts nothing of the engine: `kvmtui.app` does that in `ready` and `ending`.
Screens come from `screens.shell.registry`. Changes arrive as events from a `Feed`; the console does not poll.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.driver import Driver
from textual.message import Message
from textual.screen import Screen

from engine.clock import now_ms
from engine.operators import identity
from screens.common.actions import SCREENS, Action
from screens.common.bindings import ActionMixin, bindings, keymap
from screens.common.coalesced import CoalescedRead
from screens.common.delay import after
from screens.common.memory import Memory
from screens.common.text import plain
from screens.common.times import ago
from screens.framework.screen import BaseScreen, EventBatch, Rereads
from screens.help import lazy
from screens.shell import header_facts, theme_choice, themes
from screens.shell.endings import Endings
from screens.shell.event_feed import BEAT, Feed
from screens.shell.first_page import FIRST, Main, read_first
from screens.shell.registry import BUILT, make, tab_of
from screens.shell.terminal_driver import TerminalDriver
from screens.shell.themes import Appearance
from screens.shell.toasts import Toasts
from screens.shell.typeahead import TypeAhead
from screens.widgets.footer import Footer
from screens.widgets.header import Facts, Header, Tabs
from screens.widgets.prompt import Prompt
from screens.widgets.state import StateMessage, too_small

if TYPE_CHECKING:
    from engine.actions.consoles import ScreenLinks
    from screens.widgets.log import LogPane
    from screens.widgets.loglines import LogLine

START_AFTER, START_AT_LATEST = 0.2, 2.0
"""Seconds until deferred work begins: after the first screen is drawn, and at the latest."""
log = logging.getLogger(__name__)
_OLD_MS = 45_000
"""A screen read longer ago than this is reloaded at the next heartbeat, so that ages on it stay correct."""


def _nothing() -> None:
    """What a console without an engine of its own starts and ends."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a console is started with. `ready` is called after the first paint, in a thread
    of its own, and again whenever no engine works any more; it must do nothing when there is nothing to do."""

    site: str = "kvmtui"
    appearance: Appearance = field(default_factory=Appearance)
    theme_folder: Path | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    read_only: bool = False
    memory: Memory = field(default_factory=Memory)
    owner: Callable[[], str] = str
    """The name of this process's own engine among the workers, or nothing."""
    ready: Callable[[], None] = _nothing
    signals: tuple[signal.Signals, ...] = ()
    """Signals that leave as `q` does."""
    driver: type[Driver] = TerminalDriver
    """What it draws on."""


class Console(ActionMixin, Endings, TypeAhead, Toasts, themes.ThemedApp):
    """The terminal console."""

    TITLE = "kvmtui"
    CSS_PATH = themes.stylesheet()
    BINDINGS = bindings("app")
    COMMANDS: ClassVar = set(lazy.PROVIDERS)
    COMMAND_PALETTE_BINDING = "f35"
    ENABLE_COMMAND_PALETTE = True

    @dataclass
    class News(Message):
        """Events arrived, or cannot be read (`error` says why)."""

        batch: EventBatch
        error: str

    def __init__(self, setup: Setup) -> None:
        super().__init__(driver_class=setup.driver, ansi_color=True if setup.appearance.ansi else None)
        self.setup = setup
        self.read_only = setup.read_only
        self.role = identity().role
        self.memory = setup.memory
        self.animation_level = setup.appearance.animation
        self.inbox: deque[LogLine] = deque()
        self.screen_links: ScreenLinks | None = None  # made with the first link, closed with the console
        self.screen_name = ""
        self._parent_list = "vms"
        """The list that the open VM was reached from."""
        self._first: BaseScreen | None = None
        """The page it opens at."""
        self._moving = asyncio.Lock()
        self._begun = self._lost = False
        self._heard_at = self._screen_read_at = now_ms()
        self._vitals = CoalescedRead(self, self._read_vitals)
        tick = setup.appearance.tick_seconds
        self._feed = Feed(self.inbox, self._receive_events, tick, min(BEAT, 5 * tick))
        themes.register(self)
        self.theme = setup.appearance.theme
        self._complaint = theme_choice.use_own(self, setup.appearance.own) if setup.appearance.own else ""

    def get_default_screen(self) -> Screen[None]:
        return Main(id="_default")

    async def on_load(self) -> None:
        """Reads the first page before anything is drawn, so that all of it is drawn once."""
        self._first = await read_first(self.read_only, self._feed.start_after)
        self.screen_name = self._parent_list = self._first.NAME

    def compose(self) -> ComposeResult:
        yield Header(Facts(self.setup.site, read_only=self.read_only))
        yield Tabs(self.screen_name, [each for each in SCREENS if each.argument in BUILT])
        yield Vertical(*[self._first] if self._first is not None else [], id="place")
        yield StateMessage("small", id="too-small")
        yield Footer()

    async def on_mount(self) -> None:
        accepted, complaints = keymap(self.setup.keys)
        self.set_keymap(accepted)
        self._end_on(*self.setup.signals)
        for each in (*complaints, *([self._complaint] if self._complaint else [])):
            self.notify(each, severity="warning", markup=False, timeout=10)
        after(START_AT_LATEST, self, self.begin)
        await self.still_signed_in()

    def on_base_screen_shown(self) -> None:
        """The page is being drawn; loading the engine at the same time would delay it."""
        after(START_AFTER, self, self.begin)

    async def begin(self) -> None:
        """Runs once, after the first screen is drawn: starts the engine and the event feed, which would delay it."""
        if self._begun or not self.screen_stack:
            return
        self._begun = True
        await self._mount_rest()
        self.run_worker(self._start_engine(), group="engine")
        self._feed.start()

    async def _mount_rest(self) -> LogPane:
        """Mounts what the first frame does without: the goto line, and the log, which is returned."""
        from screens.widgets.log import LogPane

        main = self.screen_stack[0]
        if mounted := main.query(LogPane):
            return mounted.first()
        goto = Prompt(":", "any name, a VM's id or address", id="goto")
        pane = LogPane(self.inbox, hz=self.setup.appearance.log_hz)
        await main.mount(goto, pane, before="#footer")
        return pane  # which a console that is closing already does not hold any more

    async def _start_engine(self) -> None:
        try:
            await asyncio.to_thread(self.setup.ready)
        except Exception as error:  # noqa: BLE001 - the console stays useful without an engine of its own
            self.notify(
                f"The engine could not start: {plain(error)}", severity="error", markup=False, timeout=30
            )

    def exit(self, result: int | None = None, return_code: int = 0, message: Any = None) -> None:
        """Ends the console; the feed stops while Textual restores the terminal."""
        self._feed.leave()
        super().exit(result, return_code, message)

    def on_unmount(self) -> None:
        if self.screen_links is not None:
            self.screen_links.close()
        self._feed.stop(1.0)

    # Going somewhere

    @property
    def current_screen(self) -> BaseScreen | None:
        """The open screen."""
        if not self.screen_stack:
            return None
        return next(iter(self.screen_stack[0].query(BaseScreen)), None)

    async def open(self, name: str, service_id: int | None = None) -> None:
        """Opens a screen after any move under way; `vm` is the one of a single VM."""
        async with self._moving:
            await self._open(name, service_id)

    async def _open(self, name: str, service_id: int | None) -> None:
        if not await self.still_signed_in():
            return
        body = self.screen_stack[0].query_one("#place")
        if service_id is None:
            fresh = make(name)
        else:
            from screens.vm.screen import VmScreen

            fresh = VmScreen(service_id)
        await body.remove_children()
        if service_id is None:
            self._parent_list = name
        self.screen_name = name
        self.screen_stack[0].query_one(Tabs).show("vms" if service_id is not None else tab_of(name))
        await body.mount(fresh)

    async def open_vm(self, service_id: int) -> None:
        """Opens the VM of a service."""
        await self.open("vm", service_id)

    def open_record(self, kind: str, key: int | str) -> None:
        """Opens the record of that kind, on its screen."""
        from screens.shell import goto

        goto.open_record(self, kind, key)

    async def do_go(self, name: str) -> None:
        if name != self.screen_name:
            await self.open(name)

    async def do_first_steps(self) -> None:
        await self.do_go("wizard")

    async def do_back(self) -> None:
        """Closes the log, clears marks and filters, or goes to the parent: never from one VM to another."""
        pane = await self._mount_rest()
        if pane.size_now != "hidden":
            pane.size_now = "hidden"
        elif self.current_screen is not None and self.current_screen.back():
            return
        else:
            await self.do_go(self._parent_list if self.screen_name == "vm" else FIRST)

    def hides(self, asked: Action) -> bool:
        missing = asked.run == "go" and asked.argument not in BUILT
        return missing or super().hides(asked)

    async def on_tab_row_chosen(self, message: Tabs.Chosen) -> None:
        await self.do_go(message.name)

    # What works everywhere

    async def do_goto(self) -> None:
        await self._mount_rest()
        self.query_one("#goto", Prompt).open()

    async def on_prompt_closed(self, message: Prompt.Closed) -> None:
        message.stop()
        if message.kept and message.value.strip():
            self.run_worker(self._goto(message.value.strip()), group="dialog", exclusive=True)
        self._focus_screen()

    async def _goto(self, words: str) -> None:
        from screens.shell import goto

        await goto.go(self, words)

    async def do_log(self) -> None:
        (await self._mount_rest()).cycle()

    def do_help(self) -> None:
        from screens.help.page import HelpPage

        self.push_screen(HelpPage(self.screen))

    def do_alerts(self) -> None:
        self.run_worker(self._alerts(), group="dialog", exclusive=True)

    async def _alerts(self) -> None:
        from screens.dashboard.alerts import Alerts
        from screens.dashboard.navigation import follow

        target = await self.push_screen_wait(Alerts())
        if target is not None:
            follow(self, target)

    async def on_header_alerts_chosen(self, message: Header.AlertsChosen) -> None:
        message.stop()
        self.do_alerts()

    def do_palette(self) -> None:
        from textual.command import CommandPalette

        if not CommandPalette.is_open(cast(Any, self)):
            self.push_screen(
                CommandPalette(placeholder="an action, VM, client or product", id="--command-palette")
            )

    def do_quit(self) -> None:
        self.exit(0)

    def do_reload(self) -> None:
        if self.current_screen is not None:
            self.current_screen.reread()
        self._refresh_facts()

    def do_theme(self) -> None:
        self.run_worker(theme_choice.choose(self), group="theme", exclusive=True)

    def _focus_screen(self) -> None:
        screen = self.current_screen
        focusable = [each for each in screen.query("*") if each.focusable] if screen is not None else []
        if focusable:
            focusable[0].focus()

    # What happens elsewhere

    def _receive_events(self, batch: EventBatch, error: str) -> None:
        """Called by the feed, from its thread; a console that is closing takes no more messages."""
        self.post_message(self.News(batch, error))

    def on_console_news(self, message: Console.News) -> None:
        header = self._header
        if header is None:
            return
        if message.error:
            self._lost = True
            if self.current_screen is not None:
                self.current_screen.cut_off()
            lost = f"database lost, as of {ago(self._heard_at)}"
            header.show(Facts(self.setup.site, "none", None, header.facts.alerts, self.read_only, lost))
            return
        self._heard_at = now_ms()
        if message.batch.services or message.batch.kinds - {"beat"}:
            self._reread(message.batch)
        elif self._screen_read_at + _OLD_MS < self._heard_at and self.current_screen is not None:
            self._screen_read_at = self._heard_at
            self.current_screen.reread(message.batch)  # nothing changed, but displayed ages must advance
        self._refresh_facts()

    def _reread(self, batch: EventBatch) -> None:
        """Updates the screen and the dialogs above it; reloads everything after the database was lost."""
        back, self._lost = self._lost, False
        self._screen_read_at = self._heard_at
        if back or "start" not in batch.kinds:
            for each in (self.current_screen, *self.screen_stack[1:]):
                if isinstance(each, Rereads):
                    each.reread(None if back else batch)

    @property
    def _header(self) -> Header | None:
        """The header; None once the console is on its way out."""
        return next(iter(self.screen_stack[0].query(Header)), None) if self.screen_stack else None

    def _refresh_facts(self) -> None:
        self._vitals.wanted()

    async def _read_vitals(self) -> None:
        if not await self.still_signed_in():
            return
        facts = await asyncio.to_thread(
            header_facts.read, self.setup.site, self.setup.owner(), self.read_only
        )
        header = self._header
        if header is None or facts is None:
            return
        header.show(facts)
        self.screen_stack[0].query_one(Tabs).count(facts.totals)
        if facts.engine == "none":  # the daemon is gone: take over here
            self.run_worker(self._start_engine(), group="engine", exclusive=True)

    def on_resize(self, event: events.Resize) -> None:
        words = too_small(event.size)
        for each in self.screen_stack[0].query("#place, #tabs"):
            each.display = words is None
        small = self.screen_stack[0].query_one("#too-small", StateMessage)
        small.display = words is not None
        small.say("small", words or "")
