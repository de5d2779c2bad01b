"""Two lines below the VM list about the VM under the cursor: why it is stuck or waits, and its addresses."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from engine.queries.usage import LiveUsage
from engine.queries.vms import VmView
from screens.common.text import clamp
from screens.common.times import until
from screens.widgets.toned import Toned

_GIB = 1024**3
StripLine = tuple[str, str, str]
"""Words that may be cut, words behind them that may not, and their tone."""


class VmStrip(Toned):
    """Two lines below the list about the VM under the cursor."""

    def __init__(self) -> None:
        super().__init__(id="vm-strip")
        self._said: tuple[StripLine, ...] = ()

    def show(self, view: VmView | None, due: int | None, usage: LiveUsage | None, drift: str) -> None:
        """Shows another VM; the same words paint nothing."""
        said = tuple(_said(view, due, usage, drift)) if view is not None else ()
        if said != self._said:
            self._said = said
            self.refresh()

    def render(self) -> Text:
        width = max(20, self.size.width - 2)
        lines = ((f" {clamp(words, width - len(tail))}{tail}", tone) for words, tail, tone in self._said)
        return Text("\n").join(self.toned(line) for line in lines)


def used(usage: LiveUsage | None) -> tuple[str, str]:
    """CPU and memory in use as words; empty when they are not known."""
    if usage is None:
        return "", ""
    return f"{usage.cpu_percent} %", f"{usage.memory_used / _GIB:.1f}/{usage.memory / _GIB:.1f} GiB"


def _said(view: VmView, due: int | None, usage: LiveUsage | None, drift: str) -> Iterator[StripLine]:
    name = view.name or str(view.service_id)
    if view.error or view.waiting:
        again = f" · next try {until(due)}" if due is not None else ""
        yield (
            (f"{name}: {view.error}", again, "error")
            if view.error
            else (f"{name} waits: {view.waiting}", again, "busy")
        )
    else:
        parts = [f"{name}: {view.vm_status}{f', {view.remote_status}' if view.remote_status else ''}"]
        cpu, memory = used(usage)
        parts += [f"CPU {cpu}", f"RAM {memory}"] if cpu else []
        parts += [f"drifted: {drift}"] if drift else []
        yield " · ".join(parts), "", "warn" if drift else "muted"
    yield " · ".join(f"{ip.address} {ip.rdns}".rstrip() for ip in view.ips) or "no addresses", "", "muted"
