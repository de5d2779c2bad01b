"""Where things live: one home when `KVMTUI_HOME` names it, else the platform's own folders."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import Refused
from engine.store import files

_OURS = ("kvmtui.db", "secret.key", "logs")


@dataclass(frozen=True, slots=True)
class Directories:
    """The folders and files of one installation."""

    config_file: Path
    database_file: Path
    key_file: Path
    log_file: Path
    home: Path | None  # the one folder of KVMTUI_HOME, when it is given


def directories(environment: Mapping[str, str]) -> Directories:
    """The places this environment asks for; nothing is made yet."""
    home = environment.get("KVMTUI_HOME", "")
    if home:
        return _in_one_folder(Path(home).expanduser().absolute())
    from platformdirs import PlatformDirs

    dirs = PlatformDirs("kvmtui", appauthor=False)
    return Directories(
        config_file=dirs.user_config_path / "config.toml",
        database_file=dirs.user_data_path / "kvmtui.db",
        key_file=dirs.user_config_path / "secret.key",
        log_file=dirs.user_state_path / "kvmtui.log",
        home=None,
    )


def prepare(where: Directories) -> None:
    """Make the folders, 0700; a home others can enter is closed before its first use, refused after it."""
    if where.home is not None:
        _close_or_refuse(files.private_dir(where.home))
        return
    for folder in {where.config_file.parent, where.database_file.parent, where.log_file.parent}:
        files.refuse_wider(files.private_dir(folder), "folder")


def _in_one_folder(home: Path) -> Directories:
    return Directories(
        config_file=home / "config.toml",
        database_file=home / "kvmtui.db",
        key_file=home / "secret.key",
        log_file=home / "logs" / "kvmtui.log",
        home=home,
    )


def _close_or_refuse(home: Path) -> None:
    status = home.stat()
    used = any((home / name).exists() for name in _OURS)
    plain = not status.st_mode & (stat.S_ISVTX | 0o022)
    if not used and plain and status.st_uid == os.geteuid() and home != Path.home():
        home.chmod(0o700)
        return
    try:
        files.refuse_wider(home, "folder")
    except Refused as error:
        raise Refused(f"{error.sentence} (KVMTUI_HOME is for kvmtui alone).") from None
