"""axe-core, the accessibility checker: fetched by npm, verified, and run in a page."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from tests.consoles import chromium

PACKAGE = "axe-core@4.14.1"
SHA512 = (
    "1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b73"
    "4f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5"
)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def script(folder: Path) -> str | None:
    """The checker's script: the file that KVMTUI_AXE names, else from npm's cache or registry; None without npm."""
    if given := os.environ.get("KVMTUI_AXE"):
        return Path(given).read_text(encoding="utf-8")
    command = ["npm", "pack", PACKAGE, "--ignore-scripts", "--loglevel=error", "--prefer-offline"]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    except (OSError, subprocess.SubprocessError):
        return None
    (package,) = folder.glob("*.tgz")
    assert hashlib.sha512(package.read_bytes()).hexdigest() == SHA512, f"{package.name} is another package"
    with tarfile.open(package, "r:gz") as archive:
        content = archive.extractfile("package/axe.min.js")
        assert content
        return content.read().decode()


def violations(page: chromium.Page, source: str) -> list[str]:
    """What the checker finds wrong with the page that is open."""
    if not page.ask("typeof axe === 'object'"):
        page.call("Runtime.evaluate", expression=source)
    asked = f"axe.run(document, {{runOnly: {RULES}, resultTypes: ['violations']}})"
    wanted = "found.violations.map(v => [v.id, v.nodes.map(n => [n.html, n.failureSummary])])"
    expression = f"{asked}.then(found => {wanted})"
    answer = page.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
    found: list[Any] = answer["result"]["value"]
    return [f"{name}: {html} {why}" for name, nodes in found for html, why in nodes]
