"""Questions to real name servers."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from engine.dns.query import NameServer, ask, forward_confirmed
from engine.errors import Failed, Refused
from tests.dns.bench import FORWARD, REVERSE
from tests.dns.powerdns_server import PowerDnsServer

VM = f"vm1.{FORWARD}"
POINTER = "10." + REVERSE


@pytest.fixture
def deaf() -> Iterator[NameServer]:
    """A port that takes questions and answers none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        yield NameServer("127.0.0.1", silent.getsockname()[1])


def test_what_is_there_what_is_empty_and_what_is_not(pdns: PowerDnsServer, name_server: NameServer) -> None:
    pdns.put(FORWARD, VM, "A", "192.0.2.10", "192.0.2.9")
    found = ask(VM.upper() + ".", "A", name_server)
    assert (found.contents, found.authoritative, found.exists) == (("192.0.2.10", "192.0.2.9"), True, True)
    empty = ask(VM, "AAAA", name_server)
    assert (empty.contents, empty.exists) == ((), True)
    absent = ask(f"absent.{FORWARD}", "A", name_server)
    assert (absent.contents, absent.code) == ((), "NXDOMAIN")


def test_a_zone_of_others_is_not_answered_for(name_server: NameServer) -> None:
    found = ask("vm.elsewhere.example", "A", name_server)
    assert (found.contents, found.authoritative, found.code) == ((), False, "REFUSED")


def test_a_long_answer_comes_by_tcp(pdns: PowerDnsServer, name_server: NameServer) -> None:
    many = [f"10.9.{n >> 8}.{n & 255}" for n in range(300)]
    pdns.put(FORWARD, VM, "A", *many)
    assert set(ask(VM, "A", name_server).contents) == set(many)


def test_a_deaf_server_is_reported(deaf: NameServer) -> None:
    with pytest.raises(Failed, match="does not answer"):
        ask(VM, "A", deaf, timeout=0.1)


def test_forward_and_reverse_must_agree(pdns: PowerDnsServer, name_server: NameServer) -> None:
    def check(expected: str | None = VM) -> tuple[bool, str]:
        both = forward_confirmed("192.0.2.10", expected, reverse=name_server, forward=name_server)
        return both.ok, both.sentence

    assert check() == (False, "192.0.2.10 has no PTR record.")
    pdns.put(REVERSE, POINTER, "PTR", f"other.{FORWARD}.")
    assert "points to other.example.net, not to vm1.example.net" in check()[1]
    assert "has no A record" in check(None)[1]
    pdns.put(REVERSE, POINTER, "PTR", f"{VM}.")
    assert "has no A record" in check()[1]
    pdns.put(FORWARD, VM, "A", "192.0.2.11")
    assert "has 192.0.2.11" in check()[1]
    pdns.put(FORWARD, VM, "A", "192.0.2.10", "192.0.2.11")
    assert check() == (True, f"192.0.2.10 and {VM} point at each other.")


def test_what_is_no_address_is_refused(name_server: NameServer) -> None:
    with pytest.raises(Refused):
        forward_confirmed("vm1", reverse=name_server)
