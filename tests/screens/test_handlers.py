"""Textual calls a handler by its name: one that names no message is silently never called."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

from textual.message import Message

ROOT = Path(__file__).parents[2]
NO_HANDLERS = {"on_meta"}
"""Called by Textual's web driver, not by name."""


def _messages() -> set[str]:
    """The handler names of all messages that Textual and the screens define."""
    for path in sorted((ROOT / "screens").rglob("*.py")):
        import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    found, todo = set(), Message.__subclasses__()
    while todo:
        kind = todo.pop()
        found.add(kind.handler_name)
        todo += kind.__subclasses__()
    return found


def test_every_handler_is_for_a_message() -> None:
    known = _messages()
    handlers = {
        (node.name, path.relative_to(ROOT).as_posix())
        for path in (ROOT / "screens").rglob("*.py")
        for owner in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(owner, ast.ClassDef)
        for node in owner.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("on_")
    }
    assert len(handlers) > 30
    assert {each for each in handlers if each[0] not in known | NO_HANDLERS} == set()
