"""noVNC's files: where they are, which of them a browser may read, and how a downloaded package is unpacked.

They are not ours and not in our package: they come from the npm package of the version named here, whose bytes are
known, or from the operating system. Only scripts below `core` and `vendor` are ever served, by their exact names.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import IO

from engine.errors import Failed, Refused
from engine.redact import redact

PACKAGE, VERSION = "@novnc/novnc", "1.7.0"
SHA512 = (
    "b9c1093b1e13d9abc844295ea1d93b6286d98f93b619ad8078b7d0ebd03fca31"
    "bd1c76dadbe3c38304a437716db6b986fbbd191b1db5b0494d168b8ad77473c8"
)
_FOLDERS = ("core", "vendor")
_LICENSES = ("LICENSE", "AUTHORS")
_ENTRY = "core/rfb.js"
FETCH_SECONDS = 120
_LARGEST = 4 * 1024 * 1024


def scripts(folders: Iterable[Path]) -> Mapping[str, Path]:
    """The scripts of the first folder that holds noVNC, by the names a browser asks for; refused without one."""
    looked = tuple(folders)
    for folder in looked:
        found = _scripts_of(folder)
        if _ENTRY in found:
            return found
    raise Refused(
        f"noVNC was not found ({', '.join(map(str, looked))}). Run `kvmtui vm console --get-novnc` once "
        "(it needs npm), or `apt install novnc`. The serial console works without it."
    )


def _scripts_of(folder: Path) -> dict[str, Path]:
    root = folder.resolve()
    files = (file for name in _FOLDERS for file in (root / name).rglob("*.js"))
    return {
        file.relative_to(root).as_posix(): file
        for file in files
        if file.is_file() and file.resolve().is_relative_to(root)
    }


def fetch(folder: Path) -> int:
    """Puts noVNC into a folder, fetched by npm from the registry it is set up for; how many files."""
    with tempfile.TemporaryDirectory(prefix="kvmtui-novnc-") as place:
        npm = [
            "npm",
            "pack",
            f"{PACKAGE}@{VERSION}",
            "--ignore-scripts",
            "--loglevel=error",
            "--prefer-offline",
        ]
        try:
            done = subprocess.run(  # noqa: S603 - fixed words
                npm, cwd=place, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False
            )
        except FileNotFoundError:
            raise Refused(
                "npm was not found on this host. Install it (`apt install npm`), or install noVNC with "
                "`apt install novnc`, or unpack the package anywhere and name its folder as `novnc` in [console]."
            ) from None
        except subprocess.TimeoutExpired:
            raise Failed(f"npm did not fetch noVNC within {FETCH_SECONDS} s. Try again.") from None
        packages = list(Path(place).glob("*.tgz"))
        if done.returncode != 0 or len(packages) != 1:
            said = redact(" ".join(done.stderr.split())[-300:]) or f"exit {done.returncode}"
            raise Failed(
                f"npm could not fetch {PACKAGE}@{VERSION}: {said}. `npm ping` shows whether it can at all."
            )
        return unpack(packages[0], folder)


def unpack(package: Path, folder: Path, sha512: str = SHA512) -> int:
    """Puts the scripts of a package into a folder, whole or not at all; how many. Failed when it is another one."""
    if hashlib.sha512(package.read_bytes()).hexdigest() != sha512:
        raise Failed(
            f"{package.name} is not the published noVNC {VERSION}: its SHA-512 differs. It was not used. "
            "Somebody between here and the npm registry may have changed it."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".novnc-", dir=folder.parent) as made:
        fresh = Path(made) / "novnc"
        count = _write_all(package, fresh)
        old = Path(made) / "old"
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    return count


def _write_all(package: Path, fresh: Path) -> int:
    count = 0
    try:
        with tarfile.open(package, "r:gz") as archive:
            for member in archive:
                target = _wanted(member)
                content = archive.extractfile(member) if target else None
                if target and content:
                    _write(content, member, fresh / target)
                    count += 1
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Failed(f"{package.name} cannot be unpacked: {error}. Nothing was put in place.") from error
    if not (fresh / _ENTRY).is_file():
        raise Failed(f"{package.name} does not hold noVNC ({_ENTRY} is missing). Nothing was put in place.")
    return count


def _wanted(member: tarfile.TarInfo) -> PurePosixPath | None:
    """Where a member goes, or None: only plain files, only scripts and licences, never out of the folder."""
    path = PurePosixPath(member.name)
    if not member.isreg() or path.is_absolute() or ".." in path.parts or len(path.parts) < 2:
        return None
    inner = PurePosixPath(*path.parts[1:])
    script = inner.parts[0] in _FOLDERS and inner.suffix == ".js"
    return inner if script or inner.name.startswith(_LICENSES) else None


def _write(content: IO[bytes], member: tarfile.TarInfo, target: Path) -> None:
    if member.size > _LARGEST:
        raise Failed(f"{member.name} is larger than any file of noVNC. Nothing was put in place.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        shutil.copyfileobj(content, file)
