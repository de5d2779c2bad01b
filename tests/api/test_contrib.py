"""What is in contrib/: alert rules that fire as promised, and a dashboard; both use metrics that exist."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from engine.actions import tokens
from engine.roles import Role
from tests.api.conftest import ADMIN, Api, site
from tests.api.test_metrics import read

CONTRIB = Path(__file__).parents[2] / "contrib"
RULES = CONTRIB / "prometheus"
DASHBOARD = CONTRIB / "grafana" / "kvmtui.json"
_NAME = re.compile(r"\bkvmtui_[a-z_]+")


def promtool(*words: str) -> None:
    """Run Prometheus's own check; it must find nothing."""
    program = shutil.which("promtool")
    if program is None:
        if os.environ.get("KVMTUI_REQUIRE_PROMTOOL") == "1":
            pytest.fail("promtool is missing: apt install prometheus")
        pytest.skip("needs promtool: apt install prometheus")
    ran = subprocess.run(
        [program, *words], cwd=RULES, capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_alert_rules_are_valid_and_fire_as_their_tests_say() -> None:
    promtool("check", "rules", "alerts.yml")
    promtool("test", "rules", "alerts_test.yml")


def test_rules_and_dashboard_ask_for_figures_that_exist(api: Api) -> None:
    site()
    tokens.create(ADMIN, "ends", Role.VIEWER, (), (), "30d")
    api.ok("POST", "/api/v1/services", json={"client": "Acme", "product": "VPS-2"})
    samples, families = set(read(api)), re.findall(r"^# TYPE (kvmtui_\w+)", api.get("/metrics").text, re.M)
    known = samples | set(families) | {"kvmtui_api_certificate_expiry_timestamp_seconds"}  # only with TLS
    rules, dashboard = (RULES / "alerts.yml").read_text(), DASHBOARD.read_text()
    wanted = set(_NAME.findall(rules)) | set(_NAME.findall(dashboard))
    assert len(wanted) > 15 and wanted <= known, wanted - known


def test_the_dashboard_is_one_grafana_can_import() -> None:
    found = json.loads(DASHBOARD.read_text())
    panels = found["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24 and panel["targets"] and panel["title"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_every_alert_is_in_the_documentation() -> None:
    page = (CONTRIB.parent / "docs" / "howto" / "monitor-with-prometheus.md").read_text()
    alerts = re.findall(r"alert: (\w+)", (RULES / "alerts.yml").read_text())
    assert alerts and [name for name in alerts if name not in page] == []
