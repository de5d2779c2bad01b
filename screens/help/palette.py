"""The command palette, made from the actions of the open screen."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from screens.common.actions import Action
from screens.common.bindings import ActionMixin, refused
from screens.common.text import unmarked
from screens.help.available import available


class Palette(Provider):
    """Finds an action of the open screen by its name; `App.COMMANDS = {Palette}`."""

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for node, each in available(self.screen):
            score = matcher.match(f"{each.label} {each.help}")
            if score > 0:
                yield Hit(score, Content(each.label), partial(node.ask, each.id), help=_about(node, each))

    async def discover(self) -> Hits:
        for node, each in available(self.screen):
            yield DiscoveryHit(Content(each.label), partial(node.ask, each.id), help=_about(node, each))


def _about(node: ActionMixin, each: Action) -> str:
    """The line below a name in the palette: what the action does, or why it would be refused."""
    return unmarked(refused(node, each) or each.help)
