"""`kvmtui server nodes` against a cluster in another process."""

from __future__ import annotations

import json

from tests.journeys.conftest import Journey


def test_the_nodes_of_a_server_are_listed(journey: Journey) -> None:
    found = json.loads(journey.ok("server", "nodes", "pve-lab", "--json"))
    assert [each["online"] for each in found] == [True] * len(found) and len(found) == 3
    assert all(each["cpus"] > 0 and 0 <= each["memory_used_gib"] <= each["memory_gib"] for each in found)
    table = journey.ok("server", "nodes", "pve-lab")
    assert all(each["name"] in table for each in found) and "GiB" in table


def test_an_unknown_server_is_refused_with_the_nearest_name(journey: Journey) -> None:
    ran = journey.run("server", "nodes", "pve-lub")
    assert ran.exit == 2 and "pve-lab" in ran.stderr
