"""Tables on a terminal: they fit its width, and an address is never split over lines."""

from __future__ import annotations

import io
import re
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvmtui.terminal import output

HEADS = ("ID", "Client", "VM status", "Addresses")
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def columns(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Lets a test choose the width of the terminal."""
    monkeypatch.setenv("TERM", "xterm")
    return monkeypatch


def shown(patch: pytest.MonkeyPatch, width: int, rows: list[tuple[object, ...]]) -> str:
    """The output on a terminal of this width."""
    screen = Terminal()
    with patch.context() as only:
        only.setenv("COLUMNS", str(width))
        only.setattr("sys.stdout", screen)
        output.show_table(HEADS, rows, "")
    return _ANSI.sub("", screen.getvalue())


addresses = st.one_of(
    st.integers(0, 2**32 - 1).map(lambda number: str(IPv4Address(number))),
    st.integers(0, 2**128 - 1).map(lambda number: f"{IPv6Address(number)}/64"),
)
words = st.text("abcdefghij -", min_size=1, max_size=30)
rows = st.lists(
    st.tuples(st.integers(1, 99_999), words, words, st.lists(addresses, max_size=3)), min_size=1, max_size=5
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(60, 200), rows)
def test_every_address_is_whole_and_every_line_fits(
    columns: pytest.MonkeyPatch, width: int, rows: list[tuple[object, ...]]
) -> None:
    screen = shown(columns, width, rows)
    assert all(len(line) <= width for line in screen.splitlines())
    found = {word.rstrip(",") for word in screen.split()}
    assert {address for row in rows for address in row[3]} <= found  # type: ignore[attr-defined]


def test_a_table_too_wide_for_its_addresses_is_a_block_for_each_row(columns: pytest.MonkeyPatch) -> None:
    long = "2001:db8:1234:5678:9abc:def0:1234:5678"
    row = (5546, "Acme Corporation", "set_dns_records", ["192.0.2.1", long])
    assert shown(columns, 52, [row, row]).splitlines() == [
        *("ID         5546", "Client     Acme Corporation", "VM status  set_dns_records"),
        *("Addresses  192.0.2.1", f"           {long}", ""),
        *("ID         5546", "Client     Acme Corporation", "VM status  set_dns_records"),
        *("Addresses  192.0.2.1", f"           {long}"),
    ]
    wide = shown(columns, 100, [row])
    assert wide.splitlines()[0].split() == ["ID", "Client", "VM", "status", "Addresses"]
