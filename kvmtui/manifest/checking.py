"""From a file to forms: every fault of the file at once, each with its line, before anything is touched."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from engine.actions import settings
from engine.errors import Refused
from engine.forms import (
    BadInput,
    ClientForm,
    Fault,
    PoolForm,
    ProductForm,
    ServerForm,
    ServiceForm,
    checked,
    zone_form,
)
from engine.forms.faults import dotted
from engine.forms.secret import resolved
from engine.nearest import nearest
from kvmtui.manifest import reading
from kvmtui.manifest.references import KnownNames

Place = tuple[str | int, ...]
Maker = Callable[[Mapping[str, Any]], Any]


def _service(values: Mapping[str, Any]) -> ServiceForm:
    form = checked(ServiceForm, values)
    if form.id is None:
        raise BadInput([Fault(("id",), "is missing; a service in a manifest is known by its id.")])
    return form


# every section in the order in which its objects need one another, and what makes its forms
SECTIONS: dict[str, Maker] = {
    "servers": lambda values: checked(ServerForm, values),
    "pools": lambda values: checked(PoolForm, values),
    "zones": zone_form,
    "products": lambda values: checked(ProductForm, values),
    "clients": lambda values: checked(ClientForm, values),
    "services": _service,
}
# what objects of a section are matched by, and how a fault names one
_KEYS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "servers": (lambda form: form.name, "server '{0.name}'"),
    "pools": (lambda form: (form.server, form.start), "the pool of server '{0.server}' from {0.start}"),
    "zones": (lambda form: (form.zone, form.provider(), form.identity), "zone '{0.zone}' ({0.identity})"),
    "products": (lambda form: form.name, "product '{0.name}'"),
    "clients": (lambda form: form.name, "client '{0.name}'"),
    "services": (lambda form: form.id, "service {0.id}"),
}


@dataclass(frozen=True, slots=True)
class ManifestItem:
    """One object of the file."""

    section: str
    place: Place
    form: Any


class BadManifest(Refused):
    """The file cannot be applied; nothing was changed. Every fault has its line."""

    def __init__(self, sentence: str, faults: list[tuple[int, str, str]]) -> None:
        super().__init__(sentence)
        self.faults = faults


@dataclass(slots=True)
class Checked:
    """What a file asks for, and what is wrong with it."""

    file: str
    document: Any = None
    items: list[ManifestItem] = field(default_factory=list)
    faults: list[tuple[int, str, str]] = field(default_factory=list)  # line, path, sentence
    broken: dict[str, set[str]] = field(
        default_factory=lambda: defaultdict(set)
    )  # names with faults, by section

    def add(self, place: Place, sentence: str) -> None:
        """Note a fault at a place of the file."""
        self.faults.append((reading.line_of(self.document, place), dotted(place), sentence))

    def refuse(self, place: Place, refusal: Refused) -> None:
        """Note a refusal: each fault of bad input at its own place."""
        if isinstance(refusal, BadInput):
            for fault in refusal.faults:
                self.add((*place, *fault.path), fault.sentence)
        else:
            self.add(place, refusal.sentence)

    def raise_faults(self) -> None:
        """Raise BadManifest when there are faults, in the order of the file."""
        if self.faults:
            lines = [
                f"{self.file}:{line}: {path + ': ' if path else ''}{sentence}"
                for line, path, sentence in sorted(self.faults, key=lambda fault: fault[0])
            ]
            raise BadManifest("\n".join(lines), list(self.faults))


def check(source: Path | Mapping[str, Any]) -> Checked:
    """Read a manifest, a file or its document, and make its forms; what is wrong is in the answer.

    Needs the site open. A document has no lines: its faults are all on line 1.
    """
    result = Checked("manifest" if isinstance(source, Mapping) else str(source))
    folder = Path() if isinstance(source, Mapping) else source.parent
    if isinstance(source, Mapping):
        result.document = source
    else:
        _read(source, result)
    if result.document is None:
        return result
    if not isinstance(result.document, Mapping):
        result.add((), f"a manifest is a mapping of sections: settings, {', '.join(SECTIONS)}.")
        return result
    _refuse_unknown_sections(result)
    _check_settings(result, folder)
    names = KnownNames(result.document)
    for section, make in SECTIONS.items():
        _check_section(result, section, make, folder, names)
    return result


def _read(path: Path, result: Checked) -> None:
    try:
        result.document, doubled = reading.read(path)
    except reading.BadFile as bad:
        result.faults.append((bad.line, "", bad.sentence))
        return
    result.faults += [(bad.line, "", bad.sentence) for bad in doubled]


def _refuse_unknown_sections(result: Checked) -> None:
    known = ["settings", *SECTIONS]
    for name in result.document:
        if name not in known:
            result.add((name,), f"unknown section.{nearest(name, known)}")


def _check_settings(result: Checked, folder: Path) -> None:
    given = result.document.get("settings", {})
    if not isinstance(given, Mapping):
        result.add(("settings",), f"must be a mapping of sections: {', '.join(settings.FORMS)}.")
        return
    for name, values in given.items():
        place: Place = ("settings", name)
        if name not in settings.FORMS:
            result.add(place, f"unknown settings.{nearest(name, settings.FORMS)}")
        elif not isinstance(values, Mapping):
            result.add(place, "must be a mapping of keys to values.")
        else:
            whole = _over(settings.current_settings(name), values)
            form = _make(result, place, whole, partial(checked, settings.FORMS[name]), folder)
            if form is not None:
                result.items.append(ManifestItem("settings", place, form))


def _over(current: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings there are with those of the file over them: what is not named is left alone."""
    merged = dict(current)
    for name, value in given.items():
        old = merged.get(name)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[name] = _over(old, value) if both else value  # type: ignore[arg-type]
    return merged


def _check_section(result: Checked, section: str, make: Maker, folder: Path, names: KnownNames) -> None:
    entries = result.document.get(section, [])
    if not isinstance(entries, list):
        result.add((section,), "must be a list; each entry begins with '- '.")
        return
    first: dict[Any, Place] = {}
    for number, values in enumerate(entries):
        place: Place = (section, number)
        if not isinstance(values, Mapping):
            result.add(place, "must be a mapping of keys to values.")
            continue
        unknown = list(names.unknown(section, values))
        for reference, sentence in unknown:
            result.add((*place, reference), sentence)
        form = _make(result, place, values, make, folder)
        if form is None:
            result.broken[section].add(str(values.get("name", values.get("id", ""))))
            continue
        key, name = _KEYS[section]
        earlier = first.setdefault(key(form), place)
        if earlier != place:  # never put twice: two rows with one number would end as a broken constraint
            line = reading.line_of(result.document, earlier)
            result.add(place, f"{name.format(form)} is listed twice (first on line {line}).")
        elif unknown:
            result.broken[section].add(str(getattr(form, "name", "")))
        else:
            result.items.append(ManifestItem(section, place, form))


def _make(result: Checked, place: Place, values: Mapping[str, Any], make: Maker, folder: Path) -> Any:
    """The form of an entry, its secrets read; None when it has faults."""
    try:
        return resolved(make(values), folder)
    except BadInput as bad:
        result.refuse(place, bad)
        return None
