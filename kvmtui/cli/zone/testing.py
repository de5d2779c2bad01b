"""`kvmtui zone test`."""

from __future__ import annotations

import typer

from engine.actions.names import test_zone
from engine.queries.refs import zone_ref
from kvmtui.terminal import open_site, output
from kvmtui.terminal.names import ZoneRef
from kvmtui.terminal.options import AsJson

app = typer.Typer()


@app.command()
def test(zone: ZoneRef, as_json: AsJson = False) -> int:
    """Check server, key, zone name and permission at a zone's provider.

    \b
    kvmtui zone test example.com
    """
    with open_site.opened():
        report = test_zone(zone_ref(zone))
    if as_json:
        checks = [{"name": one.name, "ok": one.ok, "said": one.sentence} for one in report.checks]
        output.show_json({"zone": report.zone, "ok": report.ok, "checks": checks, "advice": report.advice})
    else:
        for one in report.checks:
            word = {True: "ok  ", False: "FAIL", None: "?   "}[one.ok]
            output.write(output.safe(f"{word} {one.name}: {one.sentence}"))
        if report.advice:
            output.write(output.safe(f"     {report.advice}"))
    return 0 if report.ok else 1
