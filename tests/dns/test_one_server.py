"""One provider server has one key, however an operator spells its address."""

from __future__ import annotations

import pytest

from engine.dns import configured_zones
from engine.dns.matching import targets
from engine.store.models import Zone

SAME = {
    "powerdns": (
        {"server_url": "http://pdns:8081"},
        {"server_url": "http://pdns:8081/"},
        {"server_url": "http://PDNS:8081/api"},
        {"server_url": "http://pdns:8081/api/v1"},
        {"server_url": "http://pdns:8081/api/v1/servers/localhost"},
    ),
    "hestiacp": (
        {"server_url": "https://hestia:8083", "user": "a"},
        {"server_url": "https://Hestia:8083/api/", "user": "b"},
    ),
    "cloudflare": (
        {"zone_id": "1", "account_id": "acc"},
        {"zone_id": "2", "account_id": "ACC ", "api_url": "https://api.cloudflare.com/client/v4/"},
        {"zone_id": "3", "account_id": "acc", "api_url": "https://API.cloudflare.com:443/client/v4"},
    ),
}
DIFFERENT = {
    "powerdns": (
        {"server_url": "http://pdns:8081"},
        {"server_url": "http://pdns:8082"},
        {"server_url": "http://pdns"},
        {"server_url": "https://pdns"},
        {"server_url": "http://pdns:8081/second/api/v1"},
    ),
    "cloudflare": (
        {"zone_id": "1", "account_id": "acc"},
        {"zone_id": "1", "account_id": "other"},
        {"zone_id": "1", "account_id": "acc", "api_url": "https://127.0.0.1:9/client/v4"},
    ),
}


def row(kind: str, config: dict[str, str], name: str = "example.com", number: int = 1) -> Zone:
    return Zone(id=number, uid="z", name=name, type=kind, endpoint="e", config=config, secrets={})


@pytest.mark.parametrize("kind", SAME)
def test_two_spellings_of_one_server_are_one_server(kind: str) -> None:
    assert len({configured_zones.zone_of(row(kind, config)).server for config in SAME[kind]}) == 1


@pytest.mark.parametrize("kind", DIFFERENT)
def test_two_servers_are_not_one(kind: str) -> None:
    assert len({configured_zones.zone_of(row(kind, config)).server for config in DIFFERENT[kind]}) == len(
        DIFFERENT[kind]
    )


def test_providers_do_not_share_a_key() -> None:
    config = {"server_url": "https://host:8083", "user": "u"}
    assert (
        configured_zones.zone_of(row("powerdns", config)).server
        != configured_zones.zone_of(row("hestiacp", config)).server
    )


def test_a_record_goes_to_the_most_specific_zone_of_a_server_spelled_in_two_ways() -> None:
    zones = [
        configured_zones.zone_of(row("powerdns", {"server_url": "http://pdns:8081"}, "example.com", 1)),
        configured_zones.zone_of(
            row("powerdns", {"server_url": "http://pdns:8081/api/v1"}, "vm.example.com", 2)
        ),
    ]
    assert [target.zone.name for target in targets(zones, "a.vm.example.com")] == ["vm.example.com"]
