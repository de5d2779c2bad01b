"""Which template and language files there are, which of them an operator has replaced, and a copy to begin with."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import Failed, Refused
from engine.mail import languages, rendering, template_folder


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """A file a mail is made from, by its path below the folder; `own` is the operator's, `shipped` ours."""

    name: str
    own: str
    shipped: str


def template_files() -> list[TemplateFile]:
    """Every file, ours and the operator's, by name."""
    theirs = template_folder.wanted_folder()
    ours = dict(_ours())
    names = {*ours, *_found_in(theirs)} if theirs is not None else set(ours)
    return [_file(name, ours.get(name), theirs) for name in sorted(names)]


def copy_shipped(names: Sequence[str]) -> list[str]:
    """Copy ours, by file name or what comes before its dot, for the operator to edit; never over a file of theirs."""
    theirs = template_folder.wanted_folder()
    if theirs is None:
        raise Refused("No folder for templates is set; name one as `templates` in config.toml.")
    chosen = [(name, path) for name, path in _ours() if {name, path.name, path.stem} & set(names)]
    for name in names:
        if not any(name in (full, path.name, path.stem) for full, path in chosen):
            raise Refused(f"Template or language '{name}' not found. List them: kvmtui mail templates")
    for name, _ in chosen:
        if (theirs / name).exists():
            raise Refused(f"{theirs / name} is there already; nothing was copied.")
    return [str(_copied(path, theirs / name)) for name, path in chosen]


def _copied(path: Path, to: Path) -> Path:
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copyfile(path, to))
    except OSError as error:
        raise Failed(f"{to} could not be written: {error.strerror}.") from error


def _ours() -> Iterator[tuple[str, Path]]:
    for path in sorted(rendering.SHIPPED.iterdir()):
        yield path.name, path
    for path in sorted(languages.SHIPPED.glob("*.toml")):
        yield f"languages/{path.name}", path


def _found_in(theirs: Path) -> Iterator[str]:
    for pattern in ("*.txt", "*.html", "languages/*.toml"):
        for path in theirs.glob(pattern):
            yield path.relative_to(theirs).as_posix()


def _file(name: str, ours: Path | None, theirs: Path | None) -> TemplateFile:
    own = theirs / name if theirs is not None else None
    has_own = own is not None and own.is_file()
    return TemplateFile(name, str(own) if has_own else "", str(ours) if ours is not None else "")
