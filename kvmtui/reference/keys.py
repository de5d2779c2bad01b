"""The keys of every screen, from the table of actions."""

from __future__ import annotations

from kvmtui.reference.markdown import GENERATED, code, table
from screens.common.actions import ACTIONS, MENU_LETTERS, TOGETHER, Action
from screens.common.bindings import action, key_name
from screens.common.key_meanings import EXCEPTIONS, FORMER, meanings
from screens.help.page import TITLES

_HEADS = ("Key", "Action", "Does", "Name for `[keymap]`")


def page() -> str:
    """Every scope of keys, and which of them work together on which screen."""
    scopes = list(dict.fromkeys(each.scope for each in ACTIONS))
    lines = [
        "# Keys",
        GENERATED,
        "The keys of the console, by the part of the screen they belong to. `?` in the console shows those that work "
        "where you are. `!` marks actions that cannot be undone; they ask first. `a s` is `a`, then `s`. An action "
        "without a key is in the palette (`ctrl+p`). In config.toml, `[keymap]` assigns other keys by the name in the "
        "last column.",
        "## Which keys work where",
        table(("Screen", "Keys of"), ((name, ", ".join(_links(parts))) for name, parts in TOGETHER.items())),
    ]
    for scope in scopes:
        lines += [
            f"## {title(scope)}",
            table(_HEADS, (_row(each) for each in ACTIONS if each.scope == scope)),
        ]
    return "\n\n".join([*lines, *_meanings(), *_former()])


def _meanings() -> list[str]:
    """What each key means, and why some mean more than one thing."""
    rows = (
        (
            code(key_name(key)),
            " · ".join(dict.fromkeys(each.label for some in uses.values() for each in some)),
        )
        for key, uses in sorted(
            meanings().items(), key=lambda pair: (len(pair[0]) > 1, pair[0].lower(), pair[0])
        )
        if key not in EXCEPTIONS
    )
    reasons = ((code(key_name(key)), reason) for key, reason in EXCEPTIONS.items())
    return [
        "## One key, one meaning",
        "A key does the same thing on every screen, whatever it does it to: `+` adds, `x` runs, `t` tests. "
        "The [cheat sheet](keys-cheatsheet.txt) has all of them on one page.",
        table(("Key", "Means"), rows),
        "These may mean more than one thing:",
        table(("Key", "Why"), reasons),
    ]


def _former() -> list[str]:
    """The keys that moved, while the old ones still work."""
    rows = (
        (
            code(key_name(key)),
            title(action(ident).scope),
            action(ident).label,
            " ".join(map(code, _keys(ident))),
        )
        for ident, keys in FORMER.items()
        for key in keys
    )
    return [
        "## Keys that moved",
        "The former key still works in this version and says which key the action has now.",
        table(("Former key", "Where", "Action", "Key now"), rows),
    ]


def _keys(ident: str) -> list[str]:
    return [key_name(key) for key in action(ident).keys]


def title(scope: str) -> str:
    """The heading of a scope."""
    return TITLES.get(scope, scope.capitalize())


def _links(scopes: tuple[str, ...]) -> list[str]:
    return [f"[{title(each)}](#{title(each).lower().replace(',', '').replace(' ', '-')})" for each in scopes]


def _row(each: Action) -> tuple[str, str, str, str]:
    keys = " ".join(map(code, _keys(each.id)))
    if not keys and each.id in MENU_LETTERS:
        keys = code(f"{key_name(action('vm.menu').keys[0])} {MENU_LETTERS[each.id]}")
    return keys, f"{each.label} !" if each.destructive else each.label, each.help, code(each.id)
