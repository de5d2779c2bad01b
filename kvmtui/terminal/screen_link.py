"""A link to a guest's screen, as `kvmtui vm console --vnc` offers it: served until the screen is closed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from engine.clock import iso, now_ms
from engine.consoles import console_options
from engine.consoles.screen_offers import LINK_SECONDS
from engine.errors import Failed
from kvmtui.terminal import names, open_site, output


def show(ref: str, listen: str, reason: str, as_json: bool) -> int:
    """Print a link that works once and for seconds, and serve the screen behind it until it is closed."""
    from engine.actions.consoles import ScreenLinks
    from engine.audit import current_actor

    with open_site.changing():
        chosen = console_options.current()
        chosen = chosen.at(listen) if listen else chosen
        service_id = names.service_of(ref)
        with _ended_by_signals(), ScreenLinks(chosen) as links:
            offer, link = links.offer(current_actor("cli", reason), service_id)
            _print(service_id, offer.name, link, as_json)
            ending = offer.wait()
        if not ending.well:
            raise Failed(ending.sentence)
        output.message(ending.sentence)
    return 0


def _print(service_id: int, name: str, link: str, as_json: bool) -> None:
    if as_json:
        until = iso(now_ms() + round(LINK_SECONDS * 1000))
        output.show_json({"service_id": service_id, "vm": name, "link": link, "valid_until": until})
        return
    output.message(
        f"The screen of {output.safe(name)}, once, in one browser, within {LINK_SECONDS:g} seconds:"
    )
    output.write(link)
    output.message("The screen is there as long as this command runs; Ctrl+C ends both.")


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """While the block runs, SIGTERM and SIGHUP end it as Ctrl+C does, so that its end is written down."""

    def ended(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, ended) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
