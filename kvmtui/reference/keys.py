"""The keys of every screen, from the table of actions."""

from __future__ import annotations

from kvmtui.reference.markdown import GENERATED, code, table
from screens.common.actions import ACTIONS, TOGETHER, Action
from screens.common.bindings import key_name
from screens.help.page import TITLES

_HEADS = ("Key", "Action", "Does", "Name for `[keymap]`")


def page() -> str:
    """Every scope of keys, and which of them work together on which screen."""
    scopes = list(dict.fromkeys(each.scope for each in ACTIONS))
    lines = [
        "# Keys",
        GENERATED,
        "The keys of the console, by the part of the screen they belong to. `?` in the console shows those that work "
        "where you are. `!` marks actions that cannot be undone; they ask first. An action without a key is in the "
        "palette (`ctrl+p`). In config.toml, `[keymap]` assigns other keys by the name in the last column.",
        "## Which keys work where",
        table(("Screen", "Keys of"), ((name, ", ".join(_links(parts))) for name, parts in TOGETHER.items())),
    ]
    for scope in scopes:
        lines += [
            f"## {title(scope)}",
            table(_HEADS, (_row(each) for each in ACTIONS if each.scope == scope)),
        ]
    return "\n\n".join(lines)


def title(scope: str) -> str:
    """The heading of a scope."""
    return TITLES.get(scope, scope.capitalize())


def _links(scopes: tuple[str, ...]) -> list[str]:
    return [f"[{title(each)}](#{title(each).lower().replace(',', '').replace(' ', '-')})" for each in scopes]


def _row(each: Action) -> tuple[str, str, str, str]:
    keys = " ".join(code(key_name(key)) for key in each.keys)
    return keys, f"{each.label} !" if each.destructive else each.label, each.help, code(each.id)
