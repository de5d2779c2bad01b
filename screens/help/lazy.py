"""The providers of the palette, each imported when the palette is first opened."""

from __future__ import annotations

from textual.command import Provider


def actions() -> type[Provider]:
    """The actions of the open screen."""
    from screens.help.palette import Palette

    return Palette


def records() -> type[Provider]:
    """VMs, clients and products by name."""
    from screens.help.palette import RecordPalette

    return RecordPalette


PROVIDERS = (actions, records)
