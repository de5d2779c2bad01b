"""The actions that the open screen has now."""

from __future__ import annotations

from collections.abc import Iterator

from textual.dom import DOMNode
from textual.screen import Screen

from screens.common.actions import MENU_LETTERS, Action
from screens.common.bindings import ActionMixin, in_scope, key_name


def action_nodes(screen: Screen[object]) -> list[ActionMixin]:
    """The widgets that carry out actions: from the focused widget outwards, then the rest of the screen."""
    start: DOMNode = screen.focused or screen
    chain = [*start.ancestors_with_self, *screen.query("*")]
    return list(dict.fromkeys(node for node in chain if isinstance(node, ActionMixin)))


def available(screen: Screen[object]) -> Iterator[tuple[ActionMixin, Action]]:
    """Every action of the open screen, once, with the widget that carries it out."""
    seen: set[str] = set()
    for node in action_nodes(screen):
        for each in in_scope(node.SCOPE):
            if each.id not in seen and not node.hides(each):
                seen.add(each.id)
                yield node, each


def keys_of(screen: Screen[object]) -> dict[str, str]:
    """The current keys of each action of the open screen, as they are written, by the action's id.

    An action without a key of its own has those of the actions menu, where that works: `a s`.
    """
    found: dict[str, list[str]] = {}
    for active in screen.active_bindings.values():
        if active.binding.id:
            found.setdefault(active.binding.id, []).append(key_name(active.binding.key))
    for menu in found.get("vm.menu", ())[:1]:
        for ident, letter in MENU_LETTERS.items():
            found.setdefault(ident, [f"{menu} {letter}"])
    return {ident: " ".join(keys) for ident, keys in found.items()}
