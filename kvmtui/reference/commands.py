"""The command line as Markdown: an index, and a page for every noun."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kvmtui.reference.markdown import GENERATED, code, prose, table
from kvmtui.reference.verbs import Noun, Parameter, Verb, program

_EXITS = (
    ("0", "Done. A verb that only queues a request ends with 0 once the request is stored."),
    ("1", "Tried and failed: a server refused, a check found an error, a followed request failed."),
    (
        "2",
        "Not tried: bad usage or input, an unknown name, a refusing guard, `--read-only`. Nothing was changed.",
    ),
    ("130", "Interrupted with Ctrl+C."),
)
_PLACES = (
    ("KVMTUI_HOME", "One folder for configuration, database, secret key and logs."),
    ("KVMTUI_DB", "URL of the database; overrides `database` in config.toml."),
    ("KVMTUI_SECRET_KEY_FILE", "The secret key file; overrides `secret_key_file`."),
    ("KVMTUI_LOG_LEVEL", "DEBUG, INFO, WARNING or ERROR; overrides `log_level`."),
    ("NO_COLOR", "Set to anything: no colour is sent."),
)


def index(nouns: Iterable[Noun]) -> str:
    """All verbs in one table, and what holds for each of them."""
    lines = [
        "# Command line reference",
        GENERATED,
        "Every verb, with a link to its options and examples. `kvmtui VERB --help` prints the same text; the man pages "
        "`kvmtui(1)` and `kvmtui-NOUN(1)` hold it as well. Conventions are in [cli.md](../cli.md).",
        _block([program().synopsis]),
        _parameters("Option", program().options),
        "## Verbs",
        table(("Verb", "Summary"), (_row(noun, verb) for noun in nouns for verb in noun.verbs)),
        "## Exit status",
        table(("Status", "Meaning"), _EXITS),
        "## Environment",
        table(("Variable", "Meaning"), ((code(name), what) for name, what in _PLACES)),
    ]
    return "\n\n".join(lines)


def page(noun: Noun) -> str:
    """A noun with all its verbs."""
    return "\n\n".join([f"# kvmtui {noun.name}", GENERATED, prose(noun.summary), *_sections(noun)])


def _sections(noun: Noun) -> Iterator[str]:
    for verb in noun.verbs:
        yield f"## {verb.name}"
        if verb.summary != noun.summary:
            yield prose(verb.summary)
        yield _block([verb.synopsis])
        yield from (_block(each.splitlines()) if each.startswith(" ") else prose(each) for each in verb.text)
        if verb.arguments:
            yield _parameters("Argument", verb.arguments)
        if verb.options:
            yield _parameters("Option", verb.options)
        yield table(("Exit status", "Meaning"), verb.exits)
        if verb.examples:
            yield "Example:" if len(verb.examples) == 1 else "Examples:"
            yield _block(verb.examples)


def _row(noun: Noun, verb: Verb) -> tuple[str, str]:
    anchor = verb.name.replace(" ", "-")
    return f"[`{verb.name}`](cli/{noun.name}.md#{anchor})", verb.summary


def _parameters(kind: str, given: Iterable[Parameter]) -> str:
    return table((kind, "Meaning"), ((code(each.name), each.help) for each in given))


def _block(lines: Iterable[str]) -> str:
    return "\n".join(("```text", *lines, "```"))
