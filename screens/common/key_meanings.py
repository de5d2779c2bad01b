"""What each key means: one thing, wherever it works.

A key means the same on every screen, so that it can be learned once. `double_meanings` finds every key that does not;
a test refuses them. `EXCEPTIONS` lists the keys that may, with the reason; `FORMER` the keys that moved. A former key
works for one more version and says where the action is now.
"""

from __future__ import annotations

from collections.abc import Mapping

from screens.common.actions import ACTIONS, Action

FORMER: Mapping[str, tuple[str, ...]] = {
    "app.log": ("l",),
    "wizard.skip": ("n",),
    "wizard.again": ("t",),
    "log.follow": ("space",),
    "log.only": ("f",),
    "vms.state": ("t", "w"),
    "page.notes": ("E",),
    "overview.apply": ("A",),
    "snapshots.new": ("n",),
    "backups.new": ("n",),
    "charts.span": ("t",),
    "pools.add": ("a",),
    "zones.add": ("a",),
    "products.add": ("a",),
    "servers.add": ("a",),
    "servers.nodes": ("n",),
    "servers.doctor": ("w",),
    "servers.pause": ("p",),
    "clients.add": ("a",),
    "clients.notes": ("n",),
    "services.add": ("a",),
    "settings.run": ("R",),
    "settings.outbox": ("m",),
}
"""The keys that an action had in the version before; to be removed with the next one."""

_SAME: Mapping[str, str] = {
    "snapshots.new": "add",
    "backups.new": "add",
    "vm.delete_record": "delete",
    "vm.step": "run",
    "servers.pause": "suspend",
    "webhooks.pause": "suspend",
    "tokens.revoke": "delete",
    "settings.mail": "test",
    "audit.verify": "test",
    "wizard.again": "reload",
    "wizard.go": "open",
    "log.only": "narrow",
    "vms.state": "narrow",
    "log.find": "filter",
    "log.follow": "last",
}
"""Actions that do to another thing what the action of that name does."""

EXCEPTIONS: Mapping[str, str] = {
    "left": "An arrow key goes where it points: a column, a tab, a step, the start of a long line.",
    "right": "An arrow key goes where it points: a column, a tab, a step, the rest of a long line.",
    "N": "In the live log, `n` and `N` are the next and the previous match, as in less.",
}
"""Keys that may mean more than one thing, and why."""


def meaning(each: Action) -> str:
    """What an action does, whatever it does it to."""
    return _SAME.get(each.id, each.run if each.run != "go" else each.id)


def meanings() -> dict[str, dict[str, list[Action]]]:
    """Every key with its meanings, and the actions of each."""
    found: dict[str, dict[str, list[Action]]] = {}
    for each in ACTIONS:
        for key in each.keys:
            found.setdefault(key, {}).setdefault(meaning(each), []).append(each)
    return found


def double_meanings() -> list[str]:
    """A sentence for each key that means more than one thing and is no exception."""
    return [
        f"The key {key} means {' and '.join(sorted(uses))}: {', '.join(_ids(uses))}."
        for key, uses in meanings().items()
        if len(uses) > 1 and key not in EXCEPTIONS
    ]


def _ids(uses: Mapping[str, list[Action]]) -> list[str]:
    return [each.id for some in uses.values() for each in some]
