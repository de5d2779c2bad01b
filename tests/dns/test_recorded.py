"""The fakes against what the real servers were recorded to answer, where the recordings are at hand."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx

from kvmtui.lab.dns.cloudflare import CloudflareFake
from kvmtui.lab.dns.hestia import FakeKey, HestiaFake
from kvmtui.lab.dns.powerdns_lite import PowerDnsLite

PASSWORD, KEY_ID, SECRET = "PASSWORD", "ACCESSKEYID", "SECRET"
MOMENTS = {"TIME", "DATE", "EXP", "SERIAL"}
# These cases ran on a panel whose settings were changed by hand; each names the switch to turn.
SWITCHES = {
    "IP not allowed": {"allow_all": False},
    "API='no'": {"api": False},
    "API_SYSTEM='0'": {"api_system": False},
    "v-change-sys-api disable": {"disabled": True},
}


def blocks(path: Path) -> list[tuple[str, str]]:
    """Title and text of each recorded exchange."""
    parts = re.split(r"^### ", path.read_text(), flags=re.M)[1:]
    return [(part.partition("\n")[0].strip(), part.partition("\n")[2]) for part in parts]


def timeless(text: str) -> Any:
    """A body without the moments in it, as JSON where it is some."""
    try:
        found = json.loads(text)
    except ValueError:
        return text.strip()
    if not isinstance(found, dict):
        return found
    rows = {key: row for key, row in found.items() if isinstance(row, dict)}
    return {key: {k: v for k, v in row.items() if k not in MOMENTS} for key, row in rows.items()}


# --- HestiaCP ---


def hestia_exchanges(path: Path) -> list[tuple[str, dict[str, str], int, str | None, str]]:
    """Title, form, status, exit code header and body of each call that can be repeated."""
    found = []
    for title, text in blocks(path):
        call = re.match(r"> POST /api/  (.*)\nHTTP/1\.1 (\d+) .*\n((?:.+\n)*)\n((?:.*\n)*)", text)
        if call is None or "access-key" in title or "make an access key" in title:
            continue
        form = {}
        for name, value in re.findall(r"(\w+)=((?:(?! \w+=).)*)", call[1]):
            form[name] = value
        code = re.search(r"^Hestia-Exit-Code: (\d+)", call[3], re.M)
        found.append((title, form, int(call[2]), code[1] if code else None, call[4]))
    return found


def recorded_panel() -> HestiaFake:
    fake = HestiaFake(PASSWORD)
    for zone in ("example.net", "2.0.192.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa"):
        fake.add_zone(zone)
    for zone in ("2.0.192.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa"):
        del fake.panel.users["admin"][zone].rows[2]
    fake.add_zone("bob.example", user="bob")
    del fake.panel.users["bob"]["bob.example"].rows[:2]
    fake.panel.users["bob"]["bob.example"].rows[0]["ID"] = "1"
    limited = {"v-list-dns-domains", "v-list-dns-records", "v-add-dns-record", "v-delete-dns-record"}
    fake.switches.keys[KEY_ID] = FakeKey(SECRET, frozenset(limited | {"v-search-domain-owner"}))
    return fake


def prepare(fake: HestiaFake, title: str) -> None:
    """Turns the switches that a recorded case stood under."""
    wanted = next((on for start, on in SWITCHES.items() if title.startswith(start)), {})
    for name in ("allow_all", "api", "api_system", "disabled"):
        setattr(fake.switches, name, wanted.get(name, name != "disabled"))
    fake.panel.dns_installed = "DNS not installed" not in title
    fake.panel.most_records = 1 if title.startswith("package limit") else 10_000
    fake.panel.users["admin"]["example.net"].suspended = title.startswith("suspended")


def test_hestia_answers_as_recorded(shared_data: Path) -> None:
    exchanges = hestia_exchanges(shared_data / "hestia-exchanges.txt")
    assert len(exchanges) > 70
    with recorded_panel() as fake, httpx.Client(base_url=fake.url, trust_env=False) as client:
        assert isinstance(fake, HestiaFake)
        for title, form, status, code, body in exchanges:
            prepare(fake, title)
            reply = client.post("/api/", data=form)
            assert reply.status_code == status, title
            assert reply.headers.get("hestia-exit-code") == code, title
            assert timeless(reply.text) == timeless(body), title


# --- Cloudflare ---


def test_cloudflare_answers_as_recorded(wire: list[dict[str, Any]]) -> None:
    """Field by field, ids and moments aside; each recorded case ran in the same zone."""
    with (
        CloudflareFake("token") as fake,
        httpx.Client(
            base_url=fake.api_url, headers={"Authorization": "Bearer token"}, trust_env=False
        ) as client,
    ):
        assert isinstance(fake, CloudflareFake)
        zone_id = fake.add_zone("example.net")
        last = ""
        for exchange in wire:
            asked, expected = exchange["request"], exchange["response"]
            path = asked["path"].replace("00000000000000000000000000001000", zone_id, 1)
            path = path.replace("00000000000000000000000000001001", last)
            if "_acme-challenge.noop" in json.dumps(asked) and not fake.contents(
                zone_id, "_acme-challenge.noop.example.net", "TXT"
            ):
                last = fake.put(zone_id, "TXT", "_acme-challenge.noop.example.net", "challengetoken", 3600)
            reply = client.request(asked["method"], path, json=asked["json"] or None)
            assert reply.status_code == expected["status"], exchange
            assert anonymous(reply.json()) == anonymous(expected["json"]), exchange
            if asked["method"] == "POST" and reply.status_code == 200:
                last = reply.json()["result"]["id"]


def anonymous(content: Any) -> Any:
    if isinstance(content, list):
        return [anonymous(item) for item in content]
    if isinstance(content, dict):
        kept = {k: v for k, v in content.items() if k not in ("created_on", "modified_on")}
        return {k: "some id" if k == "id" else anonymous(v) for k, v in kept.items()}
    return content


# --- PowerDNS ---


def test_the_lite_powerdns_refuses_as_recorded(shared_data: Path) -> None:
    """Status and words of every recorded PATCH that was refused."""
    compared = 0
    with PowerDnsLite("KEY") as fake, httpx.Client(base_url=fake.url, trust_env=False) as client:
        assert isinstance(fake, PowerDnsLite)
        fake.add_zone("example.net")
        fake.add_zone("2.0.192.in-addr.arpa")
        first = {"name": "vm1.example.net.", "type": "A", "ttl": 300, "changetype": "REPLACE"}
        body = {"rrsets": [{**first, "records": [{"content": "192.0.2.10", "disabled": False}]}]}
        headers = {"X-API-Key": "KEY", "Accept": "application/json"}
        assert (
            client.patch(
                "/api/v1/servers/localhost/zones/example.net.", json=body, headers=headers
            ).status_code
            == 204
        )
        for title, text in blocks(shared_data / "pdns-exchanges.txt"):
            call = re.match(r"\$ curl -X PATCH .* -d (.*) (http://\S+)\nHTTP/1\.1 (4\d\d) .*\n", text)
            if call is None or not title.startswith("ERR"):
                continue
            path = re.sub(r"^http://[^/]+", "", call[2])
            reply = client.patch(path, content=call[1].encode(), headers=headers)
            answer = text.partition("\n\n")[2].strip()
            assert (reply.status_code, reply.json()) == (int(call[3]), json.loads(answer)), title
            compared += 1
    assert compared == 17
