"""The live panel of a VM: its state, its usage, and its drift from the product.

A failed poll keeps the figures of the last good one, with their age; the error is shown above them.
"""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from engine.clock import now_ms
from engine.queries.descriptions import MEANINGS, Sign, describe, lasting, rate
from engine.queries.live import GuestState, GuestUsage, LiveView
from engine.queries.observation import Observation, State
from engine.queries.traffic import gib
from screens.common import glyphs
from screens.common.text import fit, plain
from screens.common.times import age
from screens.vm.details import VmDetails
from screens.widgets.bar import bar
from screens.widgets.sheet import Line, Sheet

LABEL = 17
_OLD_MS = 15_000
"""From this age on figures say how old they are."""
_SIGNS: dict[State, tuple[str, str]] = {
    "unmade": ("[ ]", "muted"),
    "paused": ("[x]", "warn"),
    "silent": ("[-]", "error"),
    "refused": ("[-]", "error"),
    "gone": ("[-]", "error"),
    "foreign": ("[!]", "error"),
}
_SIGN_TONES: dict[Sign, str] = {"=": "muted", "!": "warn", "~": "busy", "+": "muted"}


class LivePanel(Sheet):
    """What the last look saw; it asks nobody itself."""

    def __init__(self) -> None:
        super().__init__(id="vm-live")
        self.good: LiveView | None = None
        """The last successful poll."""
        self.error: Observation | str = ""
        """Why the newest look saw nothing; empty when it did."""
        self._known: VmDetails | None = None
        self._blocks = glyphs.blocks()

    def know(self, found: VmDetails) -> None:
        """Takes up what the database knows."""
        self._known = found
        self.redraw()

    def see(self, view: LiveView) -> None:
        """Shows the result of a poll; a failed one keeps the previous figures."""
        if view.looked.seen:
            self.good, self.error = view, ""
        else:
            self.error = view.looked
        self.redraw()

    def fail(self, sentence: str) -> None:
        """Shows that a poll could not begin."""
        self.error = sentence
        self.redraw()

    def redraw(self) -> None:
        """Redraws everything with current ages."""
        lines = [*self._head(), *(self._seen(self.good) if self.good else ())]
        self.write(
            [tuple((glyphs.readable(words, self._blocks), tone) for words, tone in line) for line in lines]
        )

    def on_resize(self) -> None:
        self.redraw()

    # The lines

    @property
    def _width(self) -> int:
        return max(40, self.size.width or self.app.size.width - 2)

    def _head(self) -> Iterator[Line]:
        if self._known is not None:
            vm = self._known.vm
            card = "" if self.good else f" · MAC {vm.mac or '—'}"
            yield fact("Proxmox", f"{vm.server} · node {vm.node or '—'} · VMID {vm.vmid or '—'}{card}")
        if self.error:
            yield from self._error_lines()
        elif self.good is None:
            last = self._known.vm.remote_status if self._known else ""
            yield fact("Power", f"[…] {f'{last} when it was last seen; ' if last else ''}looking …", "busy")

    def _error_lines(self) -> Iterator[Line]:
        error = self.error
        words = error if isinstance(error, str) else error.sentence
        sign, tone = ("[-]", "error") if isinstance(error, str) else _SIGNS[error.state]
        for place, part in enumerate(wrap(plain(f"{sign} {words}"), self._width - LABEL)):
            yield fact("" if place else "Now", part, tone)

    def _seen(self, view: LiveView) -> Iterator[Line]:
        if view.standing is None or view.usage is None or view.beside is None:
            return
        if self.error or age_ms(view.looked.at) >= _OLD_MS:
            yield fact("Read", f"{age(view.looked.at)} ago; the values below are of that time", "warn")
        yield self._power(view.looked, view.standing)
        yield from self._usage(view, view.usage, view.standing.power == "running")
        yield fact("ISO", view.standing.iso or "none in the drive")
        for place, change in enumerate(view.pending):
            yield fact("" if place else "Pending", plain(change.line), "warn")
        yield from self._drift(view)

    def _power(self, looked: Observation, standing: GuestState) -> Line:
        running = standing.power == "running"
        odd = standing.qmp not in ("", standing.power)
        sign, tone = ("[~]", "warn") if odd else ("[+]", "ok") if running else ("[ ]", "muted")
        words = f"{sign} {standing.power}{f' ({standing.qmp})' if odd else ''}"
        if running:
            words += f" for {lasting(standing.uptime_s)}"
        known = self._known.vm.node if self._known else looked.node
        notes = (
            f"lock {standing.lock}" if standing.lock else "no lock",
            f"on {looked.node} now" if looked.node != known else "",
            "HA" if standing.ha else "",
            "guest agent on" if standing.agent else "no guest agent",
        )
        rest = "".join(f" · {each}" for each in notes if each)
        return (fit("Power", LABEL), "muted"), (words, tone), (rest, "warn" if standing.lock else "muted")

    def _usage(self, view: LiveView, usage: GuestUsage, running: bool) -> Iterator[Line]:
        width = max(10, min(40, self._width - LABEL - 34))
        memory = 100 * usage.memory_used / usage.memory if usage.memory else None
        yield _bar(
            "CPU",
            usage.cpu_percent if running else None,
            width,
            f"of {usage.cpus:g} core{'' if usage.cpus == 1 else 's'}",
        )
        yield _bar(
            "RAM", memory if running else None, width, f"{gib(usage.memory_used)} of {gib(usage.memory)}"
        )
        flow = view.flow
        if flow is None:
            yield fact("Traffic", "not measured yet" if running else "none while it is off", "muted")
        else:
            yield fact("Network", f"in {rate(flow.net_in)} · out {rate(flow.net_out)}")
            yield fact("Disk I/O", f"read {rate(flow.disk_read)} · written {rate(flow.disk_written)}")

    def _drift(self, view: LiveView) -> Iterator[Line]:
        assert view.beside is not None
        half = (self._width - LABEL - 2) // 2
        verdict, note, colour = self._verdict(view)
        yield ()
        yield (
            (fit(verdict, LABEL), colour),
            (fit("Now", half), "accent"),
            ("  Product", "accent"),
            (note, colour),
        )
        for line in describe(view.beside):
            tone = _SIGN_TONES[line.sign]
            name = (fit(plain(line.name.replace("  ", "· ", 1)), LABEL), "muted")
            now = (fit(line.real, half), tone if line.sign in ("!", "~") else "")
            yield name, now, (f"{line.sign} ", tone), (line.product, "muted" if line.sign != "!" else tone)

    def _verdict(self, view: LiveView) -> tuple[str, str, str]:
        """How both differ: in short, what to do about it, and the tone."""
        drift = len(view.drift)
        if drift:
            return f"[!] {drift} differ{'s' if drift == 1 else ''}", "  · = applies it again", "warn"
        assert view.beside is not None
        if any(each.pending for each in view.beside.facts()):
            return "[~] pending", f"  · {MEANINGS['~']}", "busy"
        return "[=] the same", "", "ok"


def fact(name: str, words: str, tone: str = "") -> Line:
    """A line with a name before it."""
    return (fit(name, LABEL), "muted"), (words, tone)


def age_ms(moment: int) -> int:
    """How long ago a moment was."""
    return now_ms() - moment


def _bar(name: str, percent: float | None, width: int, words: str) -> Line:
    drawn = bar(percent, width)
    return (fit(name, LABEL), "muted"), (drawn.text, drawn.tone), (f"  {words}", "muted")
