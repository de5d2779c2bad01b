"""The command palette: the actions of the open screen with their keys, then VMs, clients and products by name."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from functools import partial
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from engine.queries.names import match, named
from screens.common.actions import EVERYWHERE, Action
from screens.common.bindings import ActionMixin, refused
from screens.common.text import fit, plain
from screens.help.available import available, keys_of

KINDS = ("vm", "client", "product")
MOVES = frozenset(
    {"up", "down", "page_up", "page_down", "first", "last", "left", "right", "next", "previous", "follow"}
)
"""Actions that only move the cursor or the view: their keys are quicker than their names."""
_LAST = ("list", "log", EVERYWHERE)
_LABEL, _KEYS, _MOST = 18, 10, 10
_SCREEN, _ELSEWHERE, _RECORD = 3_000.0, 2_000.0, 1_000.0
"""What is added to the score of a match, so that each kind comes after the one before."""
log = logging.getLogger(__name__)


class Palette(Provider):
    """Finds an action of the open screen; `App.COMMANDS = {Palette}`."""

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for node, each, keys in self._actions():
            score = matcher.match(each.label) or 0.1 * (query.casefold() in each.help.casefold())
            if score > 0:
                tier = _ELSEWHERE if each.scope in _LAST else _SCREEN
                yield Hit(tier + score, self._line(node, each, keys), partial(node.ask, each.id), each.label)

    async def discover(self) -> Hits:
        for node, each, keys in self._actions():
            yield DiscoveryHit(self._line(node, each, keys), partial(node.ask, each.id), each.label)

    def _actions(self) -> Iterator[tuple[ActionMixin, Action, str]]:
        """The actions that are available here, those of the screen itself first."""
        keys = keys_of(self.screen)
        here = [(node, each) for node, each in available(self.screen) if each.run not in MOVES]
        for node, each in sorted(here, key=lambda pair: pair[1].scope in _LAST):
            yield node, each, keys.get(each.id, "")

    def _line(self, node: ActionMixin, each: Action, keys: str) -> Content:
        """A line of the palette: name, keys and what it does, or why it would be refused."""
        mark = "!" if each.destructive else " "
        return self._columns(f"{mark} {each.label}", keys, refused(node, each) or each.help)

    def _columns(self, name: str, keys: str, about: str) -> Content:
        room = max(10, self.app.size.width - _LABEL - _KEYS - 8)
        return Content.assemble(
            (fit(name, _LABEL), "bold"), " ", (fit(keys, _KEYS), "$accent"), fit(about, room).rstrip()
        )


class RecordPalette(Palette):
    """Finds VMs, clients and products by part of their names, in the database."""

    async def search(self, query: str) -> Hits:
        try:
            found = await asyncio.to_thread(named, query, KINDS, _MOST)
        except Exception:
            log.exception("The palette could not read names")
            return
        for each in sorted(found, key=lambda each: KINDS.index(each.kind)):
            score = _RECORD - 100 * KINDS.index(each.kind) + (match(query, each.name) or 0)
            line = self._columns(f"  {each.name}", each.kind, each.about)
            yield Hit(score, line, partial(self._open, each.kind, each.key), plain(each.name))

    async def discover(self) -> Hits:
        nothing: tuple[DiscoveryHit, ...] = ()  # records are found by what is typed
        for each in nothing:
            yield each

    def _open(self, kind: str, key: Any) -> None:
        app: Any = self.app
        app.open_record(kind, key)
