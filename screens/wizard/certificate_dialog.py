"""Is this really your Proxmox? The certificate a host shows, to be compared with what the node itself shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static

from engine.queries.offers import ShownCertificate
from screens.common.text import block
from screens.widgets.dialogs import Dialog

PIN, SYSTEM = "pin", "system"
_COMPARE = (
    "Compare it with what the node itself shows, and not over this line:\n"
    "  in its shell      pvenode cert info\n"
    "  in its web page   the node → System → Certificates → View Certificate\n"
    "Of two certificates there, pveproxy-ssl.pem is the one that counts."
)
_SEVERAL = (
    "The hosts show different certificates, and one fingerprint cannot stand for all of them. Copy "
    "/etc/pve/pve-root-ca.pem from a node to this host and give its path as CA file."
)


class Trust(Dialog[str]):
    """Shows what the hosts show; answers `pin`, `system`, or None when nobody vouches for it."""

    AUTO_FOCUS = "#no"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer('pin')", "Pin", show=False),
        Binding("s", "answer('system')", "System", show=False),
        Binding("n", "leave", "No", show=False),
        Binding("left,right", "app.focus_next", "Other", show=False),
    ]

    def __init__(self, shown: Sequence[ShownCertificate]) -> None:
        self._shown = tuple(shown)
        self.one = len({each.fingerprint for each in shown}) == 1
        pin = "y it is the same, pin it · " if self.one else ""
        super().__init__(
            "Is this your Proxmox?", f"{pin}s an authority this host trusts signed it · n or esc no"
        )

    def body(self) -> Iterable[Widget]:
        hosts = self._shown[:1] if self.one else self._shown
        names = ", ".join(each.host for each in self._shown)
        lines = [f"{names if self.one else each.host} shows the SHA-256 fingerprint" for each in hosts]
        shown = [f"{line}\n{_halves(each.fingerprint)}" for line, each in zip(lines, hosts, strict=True)]
        words = "\n\n".join([*shown, _COMPARE if self.one else _SEVERAL])
        yield VerticalScroll(Static(block(words)), classes="dialog-body")
        yield Horizontal(
            Button(Content("No"), id="no", compact=True),
            *((Button(Content("Pin it"), id=PIN, compact=True),) if self.one else ()),
            Button(Content("System"), id=SYSTEM, compact=True),
            classes="dialog-buttons",
        )

    def action_answer(self, answer: str) -> None:
        """Answers; what cannot be pinned is not."""
        if answer == SYSTEM or self.one:
            self.dismiss(answer)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(None if event.button.id == "no" else event.button.id)


def _halves(fingerprint: str) -> str:
    """A fingerprint in two lines, as a person compares it."""
    return f"  {fingerprint[:48]}\n  {fingerprint[48:]}"
