"""The generated pages: their names below docs/, and what belongs into each of them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from kvmtui.reference import (
    api,
    cheatsheet,
    commands,
    events,
    fields,
    keys,
    man,
    roles,
    schemas,
    tables,
    verbs,
)

GENERATED = ("reference", "man")
"""The folders of docs/ that hold generated pages only."""


@cache
def pages() -> dict[str, str]:
    """Every generated page, by its path below docs/."""
    nouns = verbs.nouns()
    made = {
        "reference/cli.md": commands.index(nouns),
        **{f"reference/cli/{noun.name}.md": commands.page(noun) for noun in nouns},
        "reference/keys.md": keys.page(),
        "reference/keys-cheatsheet.txt": cheatsheet.page(),
        "reference/config.md": fields.config_page(),
        "reference/config.schema.json": _json(schemas.config_schema()),
        "reference/manifest.md": fields.manifest_page(),
        "reference/manifest.schema.json": _json(schemas.manifest_schema()),
        "reference/api.md": api.page(),
        "reference/openapi.json": _json(api.openapi()),
        "reference/events.md": events.page(),
        "reference/roles.md": roles.page(),
        "reference/tables.md": tables.page(),
        "man/kvmtui.1": man.program(verbs.program(), nouns),
        **{f"man/kvmtui-{noun.name}.1": man.noun(noun) for noun in nouns},
    }
    return {name: text.rstrip("\n") + "\n" for name, text in made.items()}


def write(folder: Path) -> list[str]:
    """Rewrite the pages below `folder` and remove those no longer made; returns the names that changed."""
    wanted, changed = pages(), []
    for old in stale(folder, wanted):
        (folder / old).unlink()
        changed.append(old)
    for name, text in wanted.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(name)
    return sorted(changed)


def stale(folder: Path, wanted: dict[str, str]) -> list[str]:
    """Files in the generated folders that no page is made for."""
    found = (path for name in GENERATED for path in (folder / name).rglob("*") if path.is_file())
    return sorted({path.relative_to(folder).as_posix() for path in found} - set(wanted))


def _json(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False)
