"""What schemathesis cannot know: where requests come from, and that keys are used once."""

from __future__ import annotations

import itertools
import re
from ipaddress import IPv4Address
from typing import Any

import schemathesis

_numbers = itertools.count(1)
_KEY = re.compile("[!-~]{1,255}")


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Send each request from another address, for ten wrong tokens from one are enough; and each with its own key."""
    number = next(_numbers)
    case.headers["X-Forwarded-For"] = str(IPv4Address("10.0.0.0") + number)
    for name, value in list(case.headers.items()):
        if name.lower() == "idempotency-key" and isinstance(value, str) and _KEY.fullmatch(value):
            case.headers[name] = f"key-{number}"
