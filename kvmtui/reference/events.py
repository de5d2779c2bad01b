"""The kinds of events with their levels and data, found where the program writes them."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kvmtui.reference.markdown import GENERATED, code, table

_ROOT = Path(__file__).parents[2]
_WRITERS = ("publish", "announce", "row_of")
MEANINGS = {
    "alert": "Something needs attention, or no longer does: a server, mail delivery, a task, a leftover backup.",
    "change": "Somebody changed a record, settings or notes. The audit log has the values.",
    "dns": "A DNS change that failed at first was made.",
    "mail": "A mail to a client was sent, failed or waits.",
    "note": "A line below a step that is still running.",
    "run": "A run of a pipeline began, ended or is paused.",
    "step": "A step of a run ended, is skipped, waits or failed.",
    "task": "A scheduled task was taken over from a worker that is gone.",
    "traffic": "A traffic quota is nearly used up, used up, or available again.",
    "vm": "The state of a VM changed.",
}
"""What each kind says to whoever follows the stream."""
LEVELS = {
    "info": "for information",
    "success": "done, or working again",
    "skip": "nothing had to be done",
    "waiting": "not done yet; it continues by itself",
    "error": "failed; the text says why",
}


@dataclass(slots=True)
class EventKind:
    """What the program writes under one kind."""

    levels: set[str] = field(default_factory=set)
    data: set[str] = field(default_factory=set)


def kinds() -> dict[str, EventKind]:
    """Every kind of event in the sources of engine and kvmtui."""
    found: dict[str, EventKind] = defaultdict(EventKind)
    for package in ("engine", "kvmtui"):
        for path in sorted((_ROOT / package).rglob("*.py")):
            for call, kind in _calls(ast.parse(path.read_text(encoding="utf-8"))):
                _add(found[kind], call)
    return dict(sorted(found.items()))


def page() -> str:
    """What a follower of the stream may meet."""
    rows = (
        (code(name), MEANINGS[name], ", ".join(sorted(kind.levels)), ", ".join(map(code, sorted(kind.data))))
        for name, kind in kinds().items()
    )
    return "\n\n".join(
        [
            "# Events",
            GENERATED,
            "Everything that happens is an event: a row in the table `event`, written in the transaction it describes, "
            "with an id that only grows. The live log, `--wait`, `kvmtui cron` and `kvmtui --daemon` print `text`; "
            "programs read `kind`, `level` and `data`. New kinds and new keys in `data` may be added at any time.",
            table(("Kind", "Meaning", "Levels", "Keys in `data`"), rows),
            "A level that depends on the outcome is listed as *outcome*: `success`, `skip`, `waiting` or `error`.",
            "## Levels",
            table(("Level", "Meaning"), ((code(name), what) for name, what in LEVELS.items())),
            "## Fields",
            table(("Field", "Holds"), _FIELDS),
        ]
    )


_FIELDS = (
    ("`id`", "Position in the stream; a follower asks for what comes after the last id it has seen."),
    ("`at`", "Time in milliseconds since 1970, UTC."),
    ("`kind`, `level`", "As above."),
    (
        "`vm`, `service`, `run`",
        "What the event is about, where it is about one; `service` is the public number.",
    ),
    ("`text`", "One or more log lines; empty for events that only tell programs to reread."),
    ("`data`", "A JSON object with the keys above."),
)


def _calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    """Calls that write an event of a kind that is written out: by position, or as `kind=` beside a text."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        named = next((each.value for each in node.keywords if each.arg == "kind"), None)
        first = node.args[0] if node.args else None
        given = first if name in _WRITERS else named if name == "_say" else None
        if isinstance(given, ast.Constant) and isinstance(given.value, str):
            yield node, given.value


def _add(kind: EventKind, call: ast.Call) -> None:
    levels = [each.value for each in call.keywords if each.arg == "level"]
    kind.levels.add(
        "info" if not levels else levels[0].value if isinstance(levels[0], ast.Constant) else "*outcome*"  # type: ignore[arg-type]
    )
    for each in call.keywords:
        if each.arg == "data" and isinstance(each.value, ast.Dict):
            kind.data |= {str(key.value) for key in each.value.keys if isinstance(key, ast.Constant)}
