"""The manifest of an import: what is not here yet, for an operator to read, complete and keep."""

from __future__ import annotations

from pathlib import Path

from engine.errors import Refused
from engine.imports.whmcs.plan import ShopPlan
from kvmtui.manifest.exporting import as_yaml, write
from kvmtui.terminal.output import safe

_HEAD = """\
# Made by kvmtui import whmcs: pools, products and clients that are not here yet. It has no secrets.
# Check it with kvmtui apply FILE --dry-run. Services are not listed: a listed service is deployed; these are adopted.
"""


def manifest_text(plan: ShopPlan) -> str:
    """The manifest; a product that lacks something is in it, with a comment that says what."""
    parts = [_HEAD]
    for section in ("pools", "products", "clients"):
        entries = plan.manifest[section]
        incomplete = plan.incomplete if section == "products" else []
        if entries or incomplete:
            parts.append(as_yaml({section: entries}) if entries else f"{section}:\n")
            for values, why in incomplete:
                parts.append(f"# incomplete: {safe(why)}\n{as_yaml([values])}")
    return "".join(parts)


def write_manifest(path: Path, text: str) -> bool:
    """Write it; False when the file has it already. A file that says something else is never replaced."""
    try:
        there = path.read_text(encoding="utf-8") if path.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"The manifest {path} cannot be read: {error}.") from error
    if there == text:
        return False
    if there is not None:
        raise Refused(f"{path} exists and says something else. Give another name, or delete it first.")
    write(path, text)
    return True
