"""Writes the manifest of what is there; stored secrets read `__KEEP__`.

Applied to the same site it changes nothing. Services that have ended are left out: applied elsewhere they would
be deployed again.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import yaml

from engine.actions.settings import FORMS, current_settings
from engine.errors import Refused
from engine.queries import inventory, pools
from engine.store.database import session
from kvmtui.manifest.reading import meaning

_ENDED = ("Terminated", "Cancelled")
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def export() -> str:
    """The manifest of the site, as text."""
    return "".join(as_yaml(part) for part in _parts())


def as_yaml(values: Any) -> str:
    """Values as text that reads back the same by the rules of YAML 1.2."""
    return str(yaml.dump(values, Dumper=_Plain, sort_keys=False, allow_unicode=True))


def _parts() -> list[dict[str, Any]]:
    """The sections that have something in them, each a document part of its own."""
    with session():
        sections: dict[str, Any] = {
            "settings": {name: current_settings(name) for name in FORMS},
            "servers": [_pruned(inventory.server_values(view.name)) for view in inventory.servers()],
            "pools": [_pruned(pools.pool_values(view.id)) for view in pools.pools()],
            "zones": [_pruned(inventory.zone_values(view.id)) for view in inventory.zones()],
            "products": [_pruned(inventory.product_values(view.name)) for view in inventory.products()],
            "clients": [_pruned(inventory.client_values(view.name)) for view in inventory.clients()],
            "services": [_service(view) for view in inventory.services() if view.status not in _ENDED],
        }
    return [{name: content} for name, content in sections.items() if content]


def _service(view: inventory.ServiceView) -> dict[str, Any]:
    return _pruned({"id": view.id, "client": view.client, "product": view.product, "options": view.options})


def _pruned(values: Any) -> Any:
    """Without what is empty, which is what leaving it away means; a number or a switch always stays."""
    if not isinstance(values, dict):
        return values
    kept = {name: _pruned(value) for name, value in values.items()}
    return {name: value for name, value in kept.items() if value not in (None, "", [], {})}


class _Plain(_DUMPER):
    """Writes YAML that reads back the same by the rules of 1.2, without aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write what occurs twice twice."""
        return True


def _text(dumper: Any, text: str) -> Any:
    if "\n" in text:
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
    style = None if meaning(text) is text and text not in ("<<", "=") else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Plain.add_representer(str, _text)


def write(path: Path, text: str, what: str = "The manifest") -> None:
    """Put the text into a file of mode 0600, whole or not at all; what was there is replaced."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise Refused(f"{what} {path} cannot be written: {error.strerror}.") from error
