"""Column types the models share."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from peewee import BigIntegerField, BlobField, TextField

Address = IPv4Address | IPv6Address


class EpochField(BigIntegerField):
    """A moment in epoch milliseconds, UTC."""


class JsonField(TextField):
    """A JSON document kept as text, so that both databases store the same bytes."""

    def db_value(self, value: Any) -> str | None:
        return None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)

    def python_value(self, value: str | None) -> Any:
        return None if value is None else json.loads(value)


class AddressField(BlobField):
    """An IP address as 16 bytes big-endian, so that addresses sort in both databases.

    IPv4 is kept in the IPv4-mapped range ::ffff:0:0/96 and comes back as IPv4.
    """

    def db_value(self, value: Address | str | bytes | None) -> Any:
        if value is None:
            return None
        if isinstance(value, (bytes, memoryview)):
            return super().db_value(bytes(value))
        return super().db_value(pack(ip_address(value) if isinstance(value, str) else value))

    def python_value(self, value: Any) -> Address | None:
        return None if value is None else unpack(bytes(value))


_MAPPED = bytes(10) + b"\xff\xff"


def pack(address: Address) -> bytes:
    """The 16-byte sort key of an address."""
    return _MAPPED + address.packed if address.version == 4 else address.packed


def unpack(key: bytes) -> Address:
    """The address behind a 16-byte sort key."""
    return IPv4Address(key[12:]) if key.startswith(_MAPPED) else IPv6Address(key)
