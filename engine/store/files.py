"""Files that hold secrets or customers' data: made 0600 in 0700 folders, refused when wider."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from engine.errors import Failed, Refused

_SQLITE_MAGIC = b"SQLite format 3\x00"


def remedy(error: OSError) -> str:
    """What to do about a file that cannot be used, as a sentence."""
    return {
        errno.EROFS: "Mount its file system writable, or set KVMTUI_HOME to a folder that is.",
        errno.ENOSPC: "Free space on its disk.",
        errno.EIO: "Check its disk.",
    }.get(error.errno or 0, "Run as its owner.")


def private_dir(path: Path) -> Path:
    """The folder, made with mode 0700 if it was not there."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"The folder {path} cannot be created: {error.strerror}.") from error
    return path


def refuse_wider(path: Path, what: str) -> None:
    """Raise with the chmod to run when others than the owner may read the file or enter the folder."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        right = "700" if path.is_dir() else "600"
        raise Refused(f"The {what} {path} is open to others (mode {mode:04o}); run: chmod {right} {path}")


def refuse_writable_by_others(folder: Path) -> None:
    """Raise with the chmod to run when others could put another file in the place of one in this folder."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o022 and not mode & stat.S_ISVTX:
        raise Refused(
            f"The folder {folder} can be written by others (mode {mode:04o}); run: chmod 700 {folder}"
        )


def write_private(path: Path, content: bytes) -> None:
    """Write a new file with mode 0600; it must not exist yet. After an error nothing of it is left."""
    private_dir(path.parent)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def sync_dir(folder: Path) -> None:
    """Make a rename in this folder last through a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def prepare_database_file(path: Path) -> None:
    """Make an empty 0600 database file, or check the one that is there before SQLite opens it."""
    refuse_writable_by_others(private_dir(path.parent))
    try:
        if not path.exists():
            write_private(path, b"")
            return
        if path.is_dir():
            raise Refused(f"The database {path} is a folder; KVMTUI_DB must name a file.")
        refuse_wider(path, "database")
        with path.open("r+b") as stream:
            head = stream.read(16)
    except FileExistsError:
        return  # another process made it this instant
    except PermissionError as error:
        raise Refused(f"The database {path} cannot be opened: {error.strerror}. Run as its owner.") from error
    except OSError as error:
        raise Failed(f"The database {path} cannot be opened: {error.strerror}.") from error
    if head and head != _SQLITE_MAGIC:
        raise Refused(
            f"The file {path} is not a kvmtui database (it is not SQLite); name another in KVMTUI_DB."
        )
