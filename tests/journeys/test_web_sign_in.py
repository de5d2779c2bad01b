"""`kvmtui web --behind-proxy`: people sign in with tokens of the API."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.conftest import Ran
from tests.consoles import chromium
from tests.journeys.conftest import Journey
from tests.journeys.test_web_console import Browser, served
from tests.waiting import until

INSIDE = ("/ws", "/page.js", "/page.css", "/static/js/textual.js", "/download/x")


def test_who_gets_in_with_a_token(home: Path, kvmtui: Callable[..., Ran]) -> None:
    def token(name: str, role: str, *limits: str) -> str:
        ran = kvmtui("token", "create", name, "--role", role, *limits)
        assert ran.exit == 0, ran.stderr
        return str(ran.stdout.strip())

    assert kvmtui("client", "add", "Acme", "--email", "ops@acme.example").exit == 0
    secret, metrics = token("night", "viewer"), token("prometheus", "metrics")
    limited = token("reseller", "operator", "--client", "Acme")
    with served(home, tokens=True) as (_, address), httpx.Client(base_url=address, trust_env=False) as line:
        ours = {"Origin": address.rstrip("/"), "X-Forwarded-For": "203.0.113.9, 198.51.100.7"}

        def sign_in(presented: str, **headers: str) -> httpx.Response:
            return line.post("/sign-in", data={"token": presented}, headers=ours | headers)

        page = line.get("/")
        assert (
            page.status_code == 200 and "Token of the API" in page.text and "set-cookie" not in page.headers
        )
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert [line.get(each).status_code for each in INSIDE] == [403] * len(INSIDE)
        for presented, said in (
            ("kvt_wrong", "not valid"),
            (limited, "limited to some clients"),
            (metrics, "this token has metrics"),
        ):
            answer = sign_in(presented)
            assert answer.status_code == 403 and said in answer.text and presented not in answer.text
            assert "set-cookie" not in answer.headers
        assert sign_in(secret, Origin="https://evil.example").status_code == 403
        assert sign_in(secret, Host="evil.example").status_code == 421
        unnamed = line.post("/sign-in", data={"token": secret})
        assert unnamed.status_code == 403 and "set-cookie" not in unnamed.headers

        answer = sign_in(secret)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert {"HttpOnly", "SameSite=Strict"} <= set(answer.headers["set-cookie"].split("; "))
        assert "Opening the console" in line.get("/").text and line.get("/page.js").status_code == 200
        known = {each["name"]: each for each in json.loads(kvmtui("token", "list", "--json").stdout)}
        assert known["night"]["last_address"] == "198.51.100.7"

        stolen = dict(line.cookies)
        assert line.post("/sign-out").status_code == 403
        assert line.post("/sign-out", headers=ours).status_code == 303
        assert (
            "Token of the API" in line.get("/", headers={"Cookie": f"kvmtui_web={stolen['kvmtui_web']}"}).text
        )

        assert sign_in(secret).status_code == 303
        assert kvmtui("token", "revoke", "night", "--yes").exit == 0
        assert [line.get(each).status_code for each in INSIDE] == [403] * len(INSIDE)
        assert "has expired, or was rotated or revoked" in line.get("/").text

        tries = [sign_in("kvt_wrong") for _ in range(11)]
        assert tries[-1].status_code == 429 and int(tries[-1].headers["retry-after"]) > 0
        elsewhere = {"X-Forwarded-For": "198.51.100.8"}
        assert sign_in("kvt_wrong", **elsewhere).status_code == 403  # only that address has to wait


@pytest.mark.skipif(
    chromium.program() is None and os.environ.get("KVMTUI_REQUIRE_CHROMIUM") != "1", reason="needs Chromium"
)
def test_a_viewer_resets_nothing_and_a_revoked_token_ends_the_console(
    journey: Journey, tmp_path: Path
) -> None:
    def token(name: str, role: str) -> str:
        return journey.ok("token", "create", name, "--role", role).strip()

    def sign_in(secret: str) -> None:
        page.until("document.getElementById('token') !== null")
        page.ask(f"document.getElementById('token').value = '{secret}'; document.forms[0].submit()")

    viewer, operator = token("night", "viewer"), token("day", "operator")
    with served(journey.home, tokens=True) as (_, address), chromium.running(tmp_path / "browser") as page:
        page.call(
            "Emulation.setDeviceMetricsOverride", width=1300, height=850, deviceScaleFactor=1, mobile=False
        )
        page.open(address)
        sign_in(viewer)
        shown = Browser(page)
        shown.until("Needs you", "engine here")
        shown.press(":", *"5546", "Enter")
        shown.until("vps-5546.example.com", "Addresses")
        until(lambda: journey.vm()["vm_status"] == "ready")
        shown.press("r")
        shown.until("needs the role operator; yours is viewer")
        journey.ok("token", "revoke", "night", "--yes")
        shown.press("2")
        page.until("document.body.classList.contains('-closed')")
        assert [row["action"] for row in journey.json("audit") if row["login"] == "token:night"] == []
        page.ask("document.getElementById('start').click()")
        page.until("document.body.innerText.includes('was rotated or revoked')")
        sign_in(operator)
        shown.until("Needs you")
        shown.press(":", *"5546", "Enter")
        shown.until("vps-5546.example.com", "Addresses")
        shown.press("r")
        shown.until("Reset VM vps-5546 to", "set_dns_records")
        shown.press(*["ArrowDown"] * 4, "Enter")
        shown.until("Reset vps-5546 (service 5546) to set_dns_records?")
        shown.press("Enter")
        until(lambda: any(row["action"] == "reset" for row in journey.json("audit")))
        (done,) = [row for row in journey.json("audit") if row["action"] == "reset"]
        assert (done["login"], done["ssh_client"], done["source"]) == ("token:day", "127.0.0.1", "console")
        assert not page.complaints
        assert urlsplit(address).query == ""
