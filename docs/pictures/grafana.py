"""Draws the panels of contrib/grafana/kvmtui.json with the figures of a real run, as Prometheus answers their queries.

    python -m docs.pictures.grafana [--seconds 240]

Needs Debian's `prometheus`. A simulated cluster deploys VMs, one of which cannot deploy; Prometheus scrapes
`/metrics` of the daemon. Writes grafana.svg beside this file. Grafana itself is not needed: a panel is its query.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from html import escape
from pathlib import Path
from typing import Any

import httpx

from benchmarks.api import MANIFEST, Site
from tests.crash import labproc

HERE = Path(__file__).parent
DASHBOARD = HERE.parents[1] / "contrib" / "grafana" / "kvmtui.json"
SCRAPE_S = 2
PROMETHEUS = """
global: {{scrape_interval: {every}s, evaluation_interval: {every}s}}
scrape_configs:
  - job_name: kvmtui
    static_configs: [{{targets: ["{target}"]}}]
"""
BROKEN = "  - {{<<: *vps, name: Broken, template: 9999}}\n"
WIDTH, COLUMNS, PANEL, GAP = 1210, 3, (390, 132), 10
COLOURS = ("#73bf69", "#f2cc0c", "#5794f2", "#f2495c", "#b877d9", "#ff9830", "#8ab8ff", "#96d98d")


def main() -> None:
    """Run, ask, draw."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=240)
    seconds = parser.parse_args().seconds
    with labproc.running(20) as lab, tempfile.TemporaryDirectory() as folder:
        site = _site(Path(folder), lab)
        with (
            site.process("--daemon", "--api", "127.0.0.1:0", wait_for="API listens on") as (_, line),
            _prometheus(Path(folder), line.split("listens on ")[1].split()[0].split("://")[1]) as prometheus,
        ):
            site.url = line.split("listens on ")[1].split()[0]
            began = time.time()
            _work(site, seconds)
            panels = json.loads(DASHBOARD.read_text())["panels"]
            drawn = [_panel(prometheus, panel, began) for panel in panels]
    (HERE / "grafana.svg").write_text(_picture(drawn))


def _site(home: Path, lab: labproc.LabProcess) -> Site:
    home.chmod(0o700)
    site = Site(home)
    (home / "config.toml").write_text("[api]\nrate_limit = 0\n")
    manifest = MANIFEST.replace("clients:", BROKEN + "clients:")
    (home / "site.yaml").write_text(
        manifest.format(
            port=lab.port, token_id=lab.token_id, secret=lab.token_secret, fingerprint=lab.fingerprint
        )
    )
    for each in ("site.yaml", "config.toml"):
        (home / each).chmod(0o600)
    site.run("apply", str(home / "site.yaml"))
    created = ("token", "create", "shop", "--role", "owner", "--expires", "90d", "--json")
    site.token = json.loads(site.run(*created))["secret"]
    return site


@contextmanager
def _prometheus(folder: Path, target: str) -> Iterator[httpx.Client]:
    """Prometheus that scrapes the API; a client of it."""
    file = folder / "prometheus.yml"
    file.write_text(PROMETHEUS.format(every=SCRAPE_S, target=target))
    address = "127.0.0.1:19090"
    command = ["prometheus", f"--config.file={file}", f"--storage.tsdb.path={folder / 'series'}"]
    with (
        (folder / "prometheus.log").open("w") as log,
        subprocess.Popen([*command, f"--web.listen-address={address}"], stdout=log, stderr=log) as process,  # noqa: S603
        httpx.Client(base_url=f"http://{address}", trust_env=False, timeout=30) as client,
    ):
        try:
            for _ in range(100):
                with suppress(httpx.TransportError):
                    if client.get("/-/ready").status_code == 200:
                        break
                time.sleep(0.1)
            yield client
        finally:
            process.terminate()


def _work(site: Site, seconds: int) -> None:
    """Orders, some of which fail, reads, and mistakes of a client."""
    end, number = time.monotonic() + seconds, 0
    headers = {"Authorization": f"Bearer {site.token}"}
    with httpx.Client(base_url=site.url, headers=headers, trust_env=False, timeout=60) as http:
        while time.monotonic() < end:
            number += 1
            if number % 40 == 1:
                product = "Broken" if number == 81 else "VPS"
                http.post("/api/v1/services", json={"client": "Acme", "product": product})
            http.get(f"/api/v1/services/{number % 7 + 1}")
            http.get("/api/v1/services?limit=20")
            time.sleep(0.2)


def _panel(prometheus: httpx.Client, panel: dict[str, Any], began: float) -> dict[str, Any]:
    """The title of a panel and, for each of its queries, the series it has."""
    series = []
    for target in panel["targets"]:
        given = {"query": target["expr"], "start": began, "end": time.time(), "step": SCRAPE_S}
        found = prometheus.get("/api/v1/query_range", params=given).json()
        assert found["status"] == "success", found
        for each in found["data"]["result"]:
            label = target.get("legendFormat", "__auto")
            for name, value in each["metric"].items():
                label = label.replace(f"{{{{{name}}}}}", value)
            points = [(float(at), float(value)) for at, value in each["values"] if value != "NaN"]
            if points:
                series.append(("" if label == "__auto" else label, points))
    return {"title": panel["title"], "kind": panel["type"], "series": series}


def _picture(panels: list[dict[str, Any]]) -> str:
    """All panels in columns."""
    rows = -(-len(panels) // COLUMNS)
    height = rows * (PANEL[1] + GAP) + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="#111217"/>',
    ]
    for number, panel in enumerate(panels):
        x = GAP + (number % COLUMNS) * (PANEL[0] + GAP)
        y = GAP + (number // COLUMNS) * (PANEL[1] + GAP)
        parts.append(f'<g transform="translate({x},{y})">{_drawn(panel)}</g>')
    return "\n".join([*parts, "</svg>\n"])


def _drawn(panel: dict[str, Any]) -> str:
    """One panel: lines over time with what they are now, or only the latter."""
    width, height = PANEL
    parts = [
        f'<rect width="{width}" height="{height}" fill="#181b1f" rx="3"/>',
        f'<text x="8" y="16" fill="#ccccdc" font-size="12">{escape(panel["title"])}</text>',
    ]
    if not panel["series"]:
        return "".join([*parts, '<text x="8" y="70" fill="#8e8e9b" font-size="14">No data</text>'])
    if panel["kind"] == "stat":
        value = _number(panel["series"][0][1][-1][1])
        parts.append(f'<text x="8" y="88" fill="#73bf69" font-size="44">{value}</text>')
        return "".join(parts)
    lines = panel["kind"] == "timeseries"
    ends = [at for _, points in panel["series"] for at, _ in points]
    most = max(value for _, points in panel["series"] for _, value in points) or 1.0
    first, last = min(ends), max(max(ends), min(ends) + 1)
    for number, (label, points) in enumerate(panel["series"][:8]):
        colour = COLOURS[number % len(COLOURS)]
        if lines:
            places = " ".join(
                f"{8 + 230 * (at - first) / (last - first):.1f},{height - 8 - 100 * value / most:.1f}"
                for at, value in points
            )
            parts.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        text = f"{label} {_number(points[-1][1])}".strip()
        at = 252 if lines else 8
        parts.append(
            f'<text x="{at}" y="{34 + 13 * number}" fill="{colour}" font-size="11">{escape(text)}</text>'
        )
    return "".join(parts)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())
