"""Network strings: `virtio=BC:24:11:AA:BB:CC,bridge=vmbr0,firewall=1,rate=12.5,tag=100`.

A network sent without a MAC address gets a new random one, so the address read is carried through every change.
`rate` is megabytes per second.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from .options import NO_OPTIONS, Options, number_text

_MAC = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}")


@dataclass(frozen=True, slots=True)
class Net:
    """One network card: model, MAC address and every other option, in order."""

    model: str
    mac: str | None = None
    options: Options = NO_OPTIONS

    @classmethod
    def parse(cls, text: str) -> Net:
        """Reads `model=MAC,…`, `model,…` and `model=virtio,macaddr=MAC,…`."""
        parts = Options.parse(text)
        for key, value in parts.parts:
            if key and key != "macaddr" and _MAC.fullmatch(value):
                return cls(key, value, parts.without(key))
        model, rest = parts.take("model")
        return cls(model or "virtio", rest.get("macaddr"), rest.without("macaddr"))

    def format(self) -> str:
        """The string to send."""
        head = f"{self.model}={self.mac}" if self.mac else self.model
        return f"{head},{self.options.format()}" if self.options.parts else head

    @property
    def bridge(self) -> str | None:
        """The bridge the card is plugged into."""
        return self.options.get("bridge")

    @property
    def vlan(self) -> int:
        """The VLAN tag, 0 for none."""
        return int(self.options.number("tag"))

    @property
    def rate(self) -> float:
        """Megabytes per second, 0 for unlimited."""
        return self.options.number("rate")

    @property
    def firewall(self) -> bool:
        """Whether the guest's firewall looks at this card."""
        return self.options.flag("firewall")

    def with_model(self, model: str) -> Net:
        """The same card, MAC included, as another model."""
        return replace(self, model=model)

    def with_mac(self, mac: str) -> Net:
        """The same card with the MAC address it is to keep."""
        return replace(self, mac=mac)

    def with_bridge(self, bridge: str) -> Net:
        """The same card on another bridge."""
        return self.with_option("bridge", bridge)

    def with_vlan(self, vlan: int) -> Net:
        """The same card with this tag; 0 takes the tag off."""
        return self.with_option("tag", str(vlan) if vlan else None)

    def with_rate(self, rate: float) -> Net:
        """The same card with this limit; 0 takes the limit off."""
        return self.with_option("rate", number_text(rate) if rate else None)

    def with_firewall(self, on: bool) -> Net:
        """The same card with the firewall on or off."""
        return self.with_option("firewall", "1" if on else None)

    def with_option(self, key: str, value: str | None) -> Net:
        """The same card with one option changed, or without it."""
        options = self.options.without(key) if value is None else self.options.with_(key, value)
        return replace(self, options=options)
