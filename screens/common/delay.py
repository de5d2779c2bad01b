"""Calls something once, later.

Textual's `set_timer` loses the call when the process is held up, for the length of the delay, between two lines of the
timer: it takes the only tick for one that is too late, and skips it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from textual.message_pump import MessagePump


def after(seconds: float, node: MessagePump, call: Callable[[], Any]) -> None:
    """Calls `call` as a message of `node`, after at least so many seconds; not when the node is gone by then."""
    asyncio.get_running_loop().call_later(seconds, node.call_next, call)
