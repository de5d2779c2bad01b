"""The server itself: health, readiness, schema, page, errors."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import kvmtui
from kvmtui.reference.api import openapi
from tests.api.conftest import Api


def test_health_says_the_version_without_a_token(api: Api) -> None:
    del api.http.headers["Authorization"]
    assert api.ok("GET", "/api/v1/health", 200) == {"status": "ok", "version": kvmtui.__version__}
    assert api.ok("GET", "/readyz", 200) == {"status": "ready"}
    assert api.ok("GET", "/api/v1/openapi.json", 200)["openapi"] == "3.1.0"


def test_the_schema_is_the_generated_one_and_costs_the_server_no_memory(api: Api) -> None:
    assert api.ok("GET", "/api/v1/openapi.json", 200) == openapi()
    script = (
        "import asyncio, sys\n"
        "from httpx import ASGITransport, AsyncClient\n"
        "from kvmtui.api.app import create\n"
        "from kvmtui.api.settings import ApiSettings\n"
        "client = AsyncClient(transport=ASGITransport(create(ApiSettings())), base_url='http://test')\n"
        "answers = [asyncio.run(client.get('/api/v1/openapi.json')) for _ in range(2)]\n"
        "assert [each.status_code for each in answers] == [200, 200]\n"
        "print('kvmtui.api.openapi' in sys.modules, 'kvmtui.api.examples' in sys.modules)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "False"]


def test_no_header_says_what_serves(api: Api) -> None:
    headers = api.get("/api/v1/health").headers
    assert "server" not in headers and headers["x-content-type-options"] == "nosniff"
    assert len(headers["x-request-id"]) == 16
    assert api.get("/api/v1/health", headers={"X-Request-Id": "shop-1"}).headers["x-request-id"] == "shop-1"


def test_the_page_loads_nothing_from_elsewhere(api: Api) -> None:
    page = api.get("/api/v1/docs")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http" not in page.text.replace("http-equiv", "")
    for name in ("page.css", "page.js"):
        assert f"/api/v1/docs/{name}" in page.text and api.get(f"/api/v1/docs/{name}").status_code == 200
    api.problem("GET", "/api/v1/docs/..%2fapp.py", 404)


@pytest.mark.parametrize("path", ["/", "/api/v1/nothing", "/api/v1/services/"])
def test_an_unknown_path_is_a_problem(api: Api, path: str) -> None:
    assert api.problem("GET", path, 404)["type"] == "/api/v1/docs#not-found"


def test_another_method_is_refused_with_those_there_are(api: Api) -> None:
    api.problem("DELETE", "/api/v1/services", 405)
    assert api.http.delete("/api/v1/services").headers["allow"] == "GET, POST"


def test_a_token_is_needed(api: Api) -> None:
    del api.http.headers["Authorization"]
    answer = api.get("/api/v1/services")
    assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Bearer")
    assert json.loads(answer.text)["title"] == "Not authenticated"


def test_a_pattern_is_described_in_words(api: Api) -> None:
    spaced = {"Idempotency-Key": "a b"}
    found = api.problem(
        "POST", "/api/v1/clients", 422, json={"name": "Bolt", "email": "a@bolt.example"}, headers=spaced
    )
    assert found["errors"][0]["detail"] == "must be 1 to 255 printable ASCII characters without spaces."
    found = api.problem("GET", "/api/v1/usage?month=2026-13", 422)
    assert found["errors"] == [{"path": "month", "detail": "must be a month such as 2026-04."}]
