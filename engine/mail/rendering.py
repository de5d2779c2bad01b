"""A template and a catalogue become a letter: subject, text and HTML.

What is filled in is never trusted: on one line in the text and the subject, escaped in the HTML. Templates run in a
sandbox. An operator's template that fails is reported and replaced by the shipped one, so that no mail is lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, StrictUndefined, TemplateError
from jinja2.nodes import EvalContext
from jinja2.sandbox import SandboxedEnvironment
from jinja2.utils import pass_eval_context
from markupsafe import Markup, escape

from engine.mail import template_folder
from engine.mail.facts import sample_facts
from engine.mail.languages import Catalogue, catalogue

SHIPPED = Path(__file__).parent / "templates"
_PLACE = re.compile(r"\{([a-z_]+)\}")
_LONGEST_SUBJECT = 200
_LONGEST = 200_000
_STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


@dataclass(frozen=True, slots=True)
class Letter:
    """What goes out, and what is to be reported about how it came to be."""

    language: str
    subject: str
    text: str
    html: str
    notes: tuple[str, ...] = ()


def write_letter(template: str, language: str, facts: Mapping[str, Any]) -> Letter:
    """The letter of a template in a client's language."""
    found, notes = catalogue(language)
    values = _values(template, found, facts)
    subject = one_line(_filled(found, f"{template}.subject", values))[:_LONGEST_SUBJECT]
    text = _rendered(template, "txt", found, values, notes)
    html = _rendered(template, "html", found, values, notes)
    return Letter(found.language, subject, _tidy(text), html, tuple(notes))


def one_line(text: str) -> str:
    """The text without line breaks and whatever else could steer a header, a terminal or a reader."""
    return " ".join(_STEERING.sub(" ", text).split())


def _values(template: str, found: Catalogue, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as templates see them, each on one line."""
    known = dict.fromkeys(sample_facts(), "")  # a mail may have been queued by a version that knew fewer
    plain = {name: _plain(value) for name, value in {**known, **facts}.items()}
    machine = plain.get("domain") or plain.get("name") or plain.get("product") or ""
    own = {"template": template, "language": found.language, "direction": found.direction}
    return {**plain, "machine": machine, **own}


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None:
        return ""
    return value if isinstance(value, bool | int) else one_line(str(value))


def _rendered(template: str, kind: str, found: Catalogue, values: Mapping[str, Any], notes: list[str]) -> str:
    """The template in its language if the operator has one, else as it is; ours when theirs is broken."""
    own = template_folder.folder()
    if own is not None:
        try:
            return _render(_environment(own), (f"{template}.{found.language}.{kind}", f"{template}.{kind}"),
                           found, values)  # fmt: skip
        except Exception as error:  # noqa: BLE001 - whatever an operator's template does, the mail goes out
            notes.append(
                f"the {kind} template '{template}' in {own} {_fault(error)}; the shipped one goes out instead"
            )
    return _render(_shipped(), (f"{template}.{kind}",), found, values)


def _render(
    environment: Environment, names: tuple[str, ...], found: Catalogue, values: Mapping[str, Any]
) -> str:
    made = environment.select_template(list(names)).render({**values, "t": _texts(found, values)})
    if len(made) > _LONGEST:
        raise ValueError(f"makes a mail of {len(made)} characters")
    return made


def _fault(error: Exception) -> str:
    if isinstance(error, TemplateError):
        line = getattr(error, "lineno", None)
        where = f" in line {line} of {error.name}" if line else ""  # type: ignore[attr-defined]
        return f"is broken{where}: {error.message}"
    return f"is broken: {type(error).__name__}: {error}"


def _texts(found: Catalogue, values: Mapping[str, Any]) -> Callable[..., str]:
    """The function `t` of the templates: a text of the catalogue with its places filled in."""

    @pass_eval_context
    def t(how: EvalContext, key: str) -> str:
        return _filled_html(found, key, values) if how.autoescape else _filled(found, key, values)

    return t


def _filled(found: Catalogue, key: str, values: Mapping[str, Any]) -> str:
    return _PLACE.sub(lambda place: str(values.get(place[1], place[0])), _text(found, key))


def _filled_html(found: Catalogue, key: str, values: Mapping[str, Any]) -> Markup:
    escaped = str(escape(_text(found, key)))
    filled = _PLACE.sub(lambda place: str(escape(values.get(place[1], place[0]))), escaped)
    return Markup(filled)  # noqa: S704 - every part of it was escaped


def _text(found: Catalogue, key: str) -> str:
    if key not in found.texts:
        raise ValueError(f"asks for the text {key!r}, which no catalogue has")
    return found.texts[key]


@cache
def _shipped() -> Environment:
    return _sandbox(FileSystemLoader(SHIPPED))


def _environment(own: Path) -> Environment:
    """The operator's files before ours; made again each time, since they may be edited while we run."""
    return _sandbox(ChoiceLoader([FileSystemLoader(own), FileSystemLoader(SHIPPED)]))


def _sandbox(loader: BaseLoader) -> Environment:
    return SandboxedEnvironment(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=lambda name: name is not None and name.endswith(".html"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _tidy(text: str) -> str:
    """No more than one empty line in a row, and none at the ends."""
    return re.sub(r"\n{3,}", "\n\n", text.replace("\r\n", "\n")).strip() + "\n"
