"""What is made from the table of actions: bindings, the operator's keymap, and the one gate to run them.

A widget, screen or app that carries out actions mixes in `ActionMixin`, names its SCOPE and takes its bindings:

    class PoolScreen(ActionMixin, Screen[None]):
        SCOPE = "pools"
        BINDINGS = bindings("pools")
        def do_add(self) -> None: ...

Whatever asks for an action (key, palette, footer click) goes through `ActionMixin.ask`, which refuses with a
sentence when the console is read-only or the operator's role does not allow it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, ClassVar

from textual.actions import SkipAction
from textual.binding import Binding, BindingType

from engine.operators import acts_for_a_token
from screens.common.actions import ACTIONS, EVERYWHERE, TOGETHER, Action
from screens.common.key_meanings import FORMER
from screens.common.roles import role_refusal
from screens.common.text import plain

TAKEN: Mapping[str, str] = {
    "ctrl+a": "screen takes it",
    "ctrl+b": "tmux takes it",
    "ctrl+s": "terminals stop their output on it",
    "ctrl+q": "terminals resume their output on it",
    "ctrl+z": "shells suspend the program on it",
    "ctrl+h": "old terminals send it for backspace",
    "ctrl+i": "old terminals send it for tab",
    "ctrl+j": "old terminals send it for enter",
    "ctrl+m": "old terminals send it for enter",
    "ctrl+c": "operators press it to copy or to stop",
    "tab": "it moves between the parts of a screen",
    "shift+tab": "it moves between the parts of a screen",
}
"""Keys no action may have, and why."""

_NAMES = {"escape": "esc", "pageup": "pgup", "pagedown": "pgdn", "question_mark": "?", "slash": "/"} | {
    "exclamation_mark": "!", "colon": ":", "space": "space", "enter": "enter",
    "plus": "+", "equals_sign": "=", "number_sign": "#", "at": "@", "comma": ",", "full_stop": ".",
    "up": "↑", "down": "↓", "left": "←", "right": "→",
}  # fmt: skip


@cache
def action(action_id: str) -> Action:
    """The action of that id; asking for one that is not in the table is a programming error."""
    return _by_id()[action_id]


@cache
def in_scope(scope: str) -> tuple[Action, ...]:
    """Every action of a scope, in the order of the table."""
    return tuple(each for each in ACTIONS if each.scope == scope)


def bindings(*scopes: str) -> list[BindingType]:
    """The Textual bindings of these scopes, each with its action's id so that a keymap can move it.

    The keys that an action had in the version before work too, and say where it is now.
    """
    wanted = [each for scope in scopes for each in in_scope(scope)]
    now = [
        Binding(
            ",".join(each.keys),
            f"binding({each.id!r})",
            each.label,
            show=False,
            tooltip=each.help,
            id=each.id,
        )
        for each in wanted
        if each.keys
    ]
    before = [
        Binding(key, f"former({each.id!r}, {key!r})", show=False)
        for each in wanted
        for key in FORMER.get(each.id, ())
    ]
    return [*now, *before]


def key_name(key: str) -> str:
    """A key as the footer and the help page write it."""
    return _NAMES.get(key, key.replace("ctrl+", "^"))


def keymap(own: Mapping[str, str | Iterable[str]]) -> tuple[dict[str, str], list[str]]:
    """The operator's keys as `App.set_keymap` takes them, and a sentence for each entry that cannot be.

    >>> keymap({"list.sort": "o"})
    ({'list.sort': 'o'}, [])
    """
    accepted: dict[str, str] = {}
    complaints: list[str] = []
    for action_id, keys in own.items():
        wanted = [keys] if isinstance(keys, str) else list(keys)
        wrong = _complaint(action_id, wanted, accepted)
        if wrong is None:
            accepted[action_id] = ",".join(wanted)
        else:
            complaints.append(wrong)
    return accepted, complaints


def clashes(keys: Mapping[str, str] | None = None) -> list[str]:
    """A sentence for every key that would mean two things in one place, under this keymap."""
    found: list[str] = []
    for scopes in TOGETHER.values():
        seen: dict[str, str] = {}
        for each in (each for scope in scopes for each in in_scope(scope)):
            for key in _keys_of(each, keys or {}):
                if key in seen:
                    found.append(f"The key {plain(key)} would mean both {seen[key]} and {each.id}.")
                seen[key] = each.id
    return sorted(set(found))


def _complaint(action_id: str, keys: list[str], accepted: dict[str, str]) -> str | None:
    if action_id not in _by_id():
        return f"Action {plain(action_id)} not found; the help page lists every name."
    for key in keys:
        if key in TAKEN:
            return f"{plain(action_id)} cannot have {key}: {TAKEN[key]}."
    before = set(clashes(accepted))
    new = [each for each in clashes({**accepted, action_id: ",".join(keys)}) if each not in before]
    return new[0] if new else None


def _keys_of(each: Action, keys: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(keys[each.id].split(",")) if each.id in keys else each.keys


@cache
def _by_id() -> dict[str, Action]:
    return {each.id: each for each in ACTIONS}


class ActionMixin:
    """Carries out actions of the table: `do_<run>` methods behind one gate."""

    SCOPE: ClassVar[str] = EVERYWHERE

    def refusal(self, asked: Action) -> str | None:
        """Why an action cannot be carried out now, as a sentence; None when it can."""
        return None

    def say_refusal(self, asked: Action, why: str) -> None:
        """Tells the operator why an action is not carried out."""
        self.notify(why, severity="warning", markup=False)  # type: ignore[attr-defined]

    def hides(self, asked: Action) -> bool:
        """True when an action makes no sense here and its key is neither shown nor taken."""
        return not hasattr(self, f"do_{asked.run}")

    async def ask(self, action_id: str) -> bool:
        """Carries out an action, or says why not; True when it was carried out."""
        asked = action(action_id)
        why = refused(self, asked)
        if why is not None:
            self.say_refusal(asked, why)
            return False
        if acts_for_a_token() and not await self.app.still_signed_in():  # type: ignore[attr-defined]
            return False
        carry_out = getattr(self, f"do_{asked.run}")
        result = carry_out(asked.argument) if asked.argument else carry_out()
        if inspect.isawaitable(result) and not _is_worker(result):
            await result
        return True

    async def action_binding(self, action_id: str) -> None:
        """What every binding made here calls."""
        await self.ask(action_id)

    async def action_former(self, action_id: str, key: str) -> None:
        """Carries out an action by the key it had in the version before, and says which key it has now."""
        moved = getattr(self, "app")._keymap  # noqa: B009 - a mixin knows no app
        if any(key in keys.split(",") for keys in moved.values()):
            raise SkipAction  # the operator gave this key to something else
        asked = action(action_id)
        keys = moved.get(action_id, ",".join(asked.keys)).split(",")
        words = f"{asked.label} is now on {key_name(keys[0])}; {key_name(key)} ends with the next version."
        self.notify(words, markup=False)  # type: ignore[attr-defined]
        await self.ask(action_id)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hides what makes no sense here; refusals stay reachable, so that the key can say why."""
        if action in ("binding", "former"):
            return not self.hides(_by_id()[str(parameters[0])])
        return super().check_action(action, parameters)  # type: ignore[misc, no-any-return]


def refused(node: ActionMixin, asked: Action) -> str | None:
    """Why this node would not carry out an action: the console is read-only, the role, or the node's own reason."""
    app: Any = getattr(node, "app", None)
    if asked.changes and getattr(app, "read_only", False):
        return f"Read-only console: '{asked.label}' is refused. Start without --read-only."
    return role_refusal(app, asked) or node.refusal(asked)


def _is_worker(result: object) -> bool:
    """A worker runs by itself; waiting for it would hold the keys up."""
    from textual.worker import Worker

    return isinstance(result, Worker)
