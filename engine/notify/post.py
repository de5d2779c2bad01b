"""Sends a message through Apprise, once. Apprise is optional and imported here alone, when something is sent."""

from __future__ import annotations

import logging
import threading
from importlib.util import find_spec

from engine.notify.message import OperatorMessage
from engine.notify.urls import masked

MISSING = "Apprise is not installed, so no notification is sent. Install it: pip install 'kvmtui[notify]'"
_TYPES = {"info": "INFO", "warning": "WARNING", "critical": "FAILURE"}
_SHOWN = 300  # characters of an error that are kept


def is_installed() -> bool:
    """Whether the optional package is there; it is not loaded for that."""
    return find_spec("apprise") is not None


def post(url: str, message: OperatorMessage) -> str:
    """Send a message to a target; why it was not taken, with the URL's secrets masked, or nothing when it was."""
    if not is_installed():
        return MISSING
    import apprise

    logging.getLogger("apprise").propagate = False  # its lines hold URLs
    asset = apprise.AppriseAsset(app_id="kvmtui", app_desc="kvmtui", app_url="", async_mode=False)
    asset.http_redirects = False
    said = _Said()
    logger = logging.getLogger("apprise")
    logger.addHandler(said)
    try:
        sender = apprise.Apprise(asset=asset)
        if not sender.add(url):
            return masked(f"Apprise does not accept the URL: {said.last or 'its form is unknown'}", url)[:_SHOWN]
        taken = sender.notify(
            body=message.body,
            title=message.title,
            notify_type=apprise.NotifyType[_TYPES[message.level]],
            body_format=apprise.NotifyFormat.TEXT,
        )
    except Exception as error:  # noqa: BLE001 - a plugin of Apprise may raise anything; its text may hold the URL
        return masked(f"{type(error).__name__}: {error}", url)[:_SHOWN]
    finally:
        logger.removeHandler(said)
    return "" if taken else masked(said.last or "it was not taken", url)[:_SHOWN]


class _Said(logging.Handler):
    """What Apprise logged in this thread: the only place where it says why something was not taken."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._thread = threading.get_ident()
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread and record.levelno >= logging.WARNING:
            self._lines.append(" ".join(record.getMessage().split()))

    @property
    def last(self) -> str:
        """The last complaint."""
        return self._lines[-1].rstrip(".") if self._lines else ""
