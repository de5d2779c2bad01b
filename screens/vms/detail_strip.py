"""Two lines below the VM list about the VM under the cursor: why it is stuck or waits, and its addresses."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from engine.queries.vms import VmView
from screens.common.text import clamp
from screens.common.times import until
from screens.widgets.toned import Toned


class VmStrip(Toned):
    """Two lines below the list about the VM under the cursor."""

    def __init__(self) -> None:
        super().__init__(id="vm-strip")
        self._said: tuple[tuple[str, str], ...] = ()

    def show(self, view: VmView | None, due: int | None) -> None:
        """Shows another VM; the same words paint nothing."""
        said = tuple(_said(view, due)) if view is not None else ()
        if said != self._said:
            self._said = said
            self.refresh()

    def render(self) -> Text:
        width = max(20, self.size.width - 2)
        return Text("\n").join(self.toned((f" {clamp(words, width)}", tone)) for words, tone in self._said)


def _said(view: VmView, due: int | None) -> Iterator[tuple[str, str]]:
    name = view.name or str(view.service_id)
    if view.error or view.waiting:
        why = view.error or f"waits for {view.waiting}"
        again = f" · next try {until(due)}" if due is not None else ""
        yield f"{name}: {why}{again}", "error" if view.error else "busy"
    else:
        yield f"{name}: {view.vm_status}{f', {view.remote_status}' if view.remote_status else ''}", "muted"
    yield " · ".join(f"{ip.address} {ip.rdns}".rstrip() for ip in view.ips) or "no addresses", "muted"
