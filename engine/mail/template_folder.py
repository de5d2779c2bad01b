"""Where an operator's own templates and catalogues lie; without such a folder only ours are used."""

from __future__ import annotations

from pathlib import Path

_folder: Path | None = None


def use_folder(path: Path | None) -> None:
    """From now on files in this folder go before the shipped ones; it need not exist."""
    global _folder
    _folder = path


def wanted_folder() -> Path | None:
    """The folder that is set, whether it exists or not."""
    return _folder


def folder() -> Path | None:
    """The operator's folder, or None when there is none now."""
    return _folder if _folder is not None and _folder.is_dir() else None
