"""What the modules of the command line say about themselves, read from their source.

A list of commands, on a help page or for completion, does not import the engine that these commands work with.
"""

from __future__ import annotations

import ast
from functools import cache
from importlib.util import find_spec
from inspect import cleandoc
from pathlib import Path


@cache
def help_of(module: str) -> str:
    """What a noun is for; a module with one verb and no callback is that verb."""
    tree = _tree(module)
    verbs = _decorated(tree, "command")
    if len(verbs) == 1 and not _decorated(tree, "callback"):
        return _docstring(verbs[0][0])
    return _option(_app(tree), "help") or "".join(
        _docstring(each) for each, _ in _decorated(tree, "callback")
    )


@cache
def verbs_of(module: str) -> dict[str, str]:
    """The help of each verb that a module adds to its noun; an app with a name is one verb."""
    tree = _tree(module)
    name = _option(_app(tree), "name")
    if name:
        return {name: _option(_app(tree), "help")}
    return {
        _argument(call) or function.name.replace("_", "-"): _docstring(function)
        for function, call in _decorated(tree, "command")
    }


def _tree(module: str) -> ast.Module:
    spec = find_spec(module)
    assert spec is not None and spec.origin is not None
    return ast.parse(Path(spec.origin).read_text(encoding="utf-8"))


def _app(tree: ast.Module) -> ast.Call:
    """The call in `app = typer.Typer(…)`."""
    for each in tree.body:
        if isinstance(each, ast.Assign) and isinstance(each.value, ast.Call):
            target = each.targets[0]
            if isinstance(target, ast.Name) and target.id == "app":
                return each.value
    raise LookupError("a module of the command line without an app")


def _decorated(tree: ast.Module, by: str) -> list[tuple[ast.FunctionDef, ast.Call]]:
    """The functions below `@app.command(…)` or `@app.callback(…)`, with that call."""
    return [
        (function, call)
        for function in tree.body
        if isinstance(function, ast.FunctionDef)
        for call in function.decorator_list
        if isinstance(call, ast.Call) and ast.unparse(call.func) == f"app.{by}"
    ]


def _option(call: ast.Call, name: str) -> str:
    return next((_text(each.value) for each in call.keywords if each.arg == name), "")


def _argument(call: ast.Call) -> str:
    return _text(call.args[0]) if call.args else _option(call, "name")


def _text(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ""


def _docstring(function: ast.FunctionDef) -> str:
    return cleandoc(ast.get_docstring(function) or "")
