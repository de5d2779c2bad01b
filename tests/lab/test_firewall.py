"""The firewall calls the way Proxmox answers them, repeats included."""

from __future__ import annotations

from typing import Any

FW = "/nodes/pve1/qemu/300/firewall"


def test_options(call: Any) -> None:
    assert set(call.get(f"{FW}/options")) == {"digest"}
    assert call("PUT", f"{FW}/options", enable=1, policy_in="DROP", macfilter=1, ipfilter=1).data is None
    options = call.get(f"{FW}/options")
    assert (options["enable"], options["policy_in"], options["ipfilter"]) == (1, "DROP", 1)
    assert call("PUT", f"{FW}/options", enable=0, digest="0" * 40).reason.startswith(
        "detected modified configuration"
    )
    call("PUT", f"{FW}/options", delete="policy_in,ipfilter")
    assert set(call.get(f"{FW}/options")) == {"digest", "enable", "macfilter"}
    assert call.get("/cluster/firewall/options")["enable"] == 1


def test_ipsets_are_not_idempotent(call: Any) -> None:
    assert call("POST", f"{FW}/ipset", name="ipfilter-net0").data is None
    again = call("POST", f"{FW}/ipset", name="ipfilter-net0")
    assert (again.status, again.errors) == (400, {"name": "IPSet 'ipfilter-net0' already exists"})
    entries = f"{FW}/ipset/ipfilter-net0"
    assert call("POST", entries, cidr="10.0.0.2/32").data is None
    assert call.get(entries)[0]["cidr"] == "10.0.0.2"
    twice = call("POST", entries, cidr="10.0.0.2")
    assert (twice.status, twice.errors) == (400, {"cidr": "address '10.0.0.2' already exists"})
    assert call("POST", entries, cidr="0.0.0.0/0").status == 400
    full = call("DELETE", entries)
    assert (full.status, full.reason) == (500, "IPSet 'ipfilter-net0' is not empty")
    assert call("DELETE", f"{entries}/192.0.2.9").status == 200
    call("POST", entries, cidr="192.0.2.0/24")
    assert call("DELETE", f"{entries}/192.0.2.0%2F24").status == 200
    assert [entry["cidr"] for entry in call.get(entries)] == ["10.0.0.2"]
    assert call("DELETE", entries, force=1).data is None
    assert call("DELETE", entries).reason == "no such IPSet 'ipfilter-net0'"


def test_rules_come_in_at_the_top(call: Any) -> None:
    for port in (22, 80):
        call("POST", f"{FW}/rules", type="in", action="ACCEPT", proto="tcp", dport=port, enable=1)
    call("POST", f"{FW}/rules", type="out", action="DROP")
    rules = call.get(f"{FW}/rules")
    assert [(r["pos"], r.get("dport"), r.get("enable", 0)) for r in rules] == [
        (0, None, 0),
        (1, "80", 1),
        (2, "22", 1),
    ]
    assert call("DELETE", f"{FW}/rules/0").data is None
    assert call("GET", f"{FW}/rules/7").reason == "no rule at position 7"
    assert call.get(f"{FW}/rules/0")["dport"] == "80"


def test_every_change_is_an_effect_and_needs_a_right(call: Any) -> None:
    call("POST", f"{FW}/ipset", name="web")
    effect = call.lab.effects[-1]
    assert (effect.action, effect.vmid, effect.detail) == ("firewall", 300, "POST firewall/ipset")
    call.lab.revoke("VM.Config.Network", "/vms/300")
    assert (
        call("POST", f"{FW}/ipset", name="other").reason
        == "Permission check failed (/vms/300, VM.Config.Network)"
    )
