"""The firewall of one of our guests: options and IP sets.

The calls for IP sets are not idempotent in Proxmox, so what is wanted is compared with what is there first.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from engine.errors import Refused

from .answers import ProxmoxAnswer, flag_of, maybe_text, text_of
from .faults import ProxmoxError
from .guest_values import IpSetEntry
from .journal import Value

if TYPE_CHECKING:
    from .guest import Guest


class GuestFirewall:
    """The firewall of one guest; every change proves first whose the guest is."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest

    def options(self) -> dict[str, str]:
        """Every option that is set, as text; what is absent has Proxmox's default."""
        row = self._get("Reading the firewall options", "options").mapping()
        return {key: text_of(row, key) for key in row}

    def set_options(self, changes: Mapping[str, Value], delete: Iterable[str] = ()) -> None:
        """Sets options and puts others back to their default; nothing to do sends nothing."""
        gone = ",".join(delete)
        if not changes and not gone:
            return
        params = {**changes, "delete": gone} if gone else dict(changes)
        self._change("PUT", "Setting the firewall options", ("options",), params)

    def ipset(self, name: str) -> tuple[IpSetEntry, ...] | None:
        """The addresses of an IP set; None when it does not exist."""
        try:
            rows = self._get(f"Reading IP set {name}", "ipset", name).rows()
        except ProxmoxError as fault:
            if fault.reason == "no_item":
                return None
            raise
        return tuple(
            IpSetEntry(
                normal_cidr(text_of(row, "cidr")),
                flag_of(row, "nomatch"),
                text_of(row, "comment"),
                maybe_text(row, "digest"),
            )
            for row in rows
        )

    def ensure_ipset(self, name: str, addresses: Iterable[str]) -> bool:
        """Makes a set hold exactly these addresses; says whether anything had to be changed.

        Addresses are added before others are removed, so that the guest never loses the one it keeps.
        """
        wanted = dict.fromkeys(normal_cidr(address) for address in addresses)
        there = self.ipset(name)
        if there is None:
            self._tolerating("already_exists", "POST", f"Making IP set {name}", ("ipset",), {"name": name})
        entries = there or ()
        missing = [
            cidr for cidr in wanted if cidr not in {entry.cidr for entry in entries if not entry.nomatch}
        ]
        extra = [entry for entry in entries if entry.nomatch or entry.cidr not in wanted]
        for entry in extra:
            if entry.cidr in missing:  # the same address turned round: it must go before it can be added
                self._remove(name, entry.cidr)
        for cidr in missing:
            self._tolerating(
                "already_exists", "POST", f"Adding {cidr} to IP set {name}", ("ipset", name), {"cidr": cidr}
            )
        for entry in extra:
            if entry.cidr not in missing:
                self._remove(name, entry.cidr)
        return there is None or bool(missing or extra)

    def remove_ipset(self, name: str) -> bool:
        """Deletes a set with its content; False when it did not exist."""
        if self.ipset(name) is None:
            return False
        params: dict[str, Value] = {"force": 1}
        self._change("DELETE", f"Removing IP set {name}", ("ipset", name), params)
        return True

    def _remove(self, name: str, cidr: str) -> None:
        self._change("DELETE", f"Removing {cidr} from IP set {name}", ("ipset", name, cidr), {})

    def _tolerating(
        self, reason: str, method: str, what: str, path: tuple[str, ...], params: Mapping[str, Value]
    ) -> None:
        try:
            self._change(method, what, path, params)
        except ProxmoxError as fault:
            if fault.reason != reason:
                raise

    def _change(self, method: str, what: str, path: tuple[str, ...], params: Mapping[str, Value]) -> None:
        self._guest.prove()  # these calls take no digest
        self._guest.send(method, what, ("firewall", *path), params, ProxmoxAnswer.nothing)

    def _get(self, what: str, *path: str) -> ProxmoxAnswer:
        return self._guest.read(what, "firewall", *path)


def normal_cidr(text: str) -> str:
    """An address as Proxmox stores it: no suffix for a single address, no host bits in a network."""
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError as error:
        raise Refused(f"'{text}' is not an IP address or network.") from error
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
