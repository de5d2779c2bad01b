"""Sends a message through Apprise, once. Apprise is optional and imported here alone, when something is sent."""

from __future__ import annotations

import logging
from importlib.util import find_spec

from engine.notify.message import OperatorMessage
from engine.notify.urls import masked

MISSING = "Notifications need the extra `notify`; run in the checkout: pip install '.[notify]'"
_UNKNOWN_URL = "Apprise does not accept the URL. See https://appriseit.com/services/ for its form."
_TYPES = {"info": "INFO", "warning": "WARNING", "critical": "FAILURE"}
_SHOWN = 300  # characters of an error that are kept


def is_installed() -> bool:
    """Whether the optional package is there; it is not loaded for that."""
    return find_spec("apprise") is not None


def fault_of(url: str) -> str:
    """Why Apprise would not take the URL, or nothing when it would; nothing is sent."""
    if not is_installed():
        return MISSING
    import apprise

    logging.getLogger("apprise").propagate = False  # its lines hold URLs
    return "" if apprise.Apprise().add(url) else _UNKNOWN_URL


def post(url: str, message: OperatorMessage) -> str:
    """Send a message to a target; why it was not accepted, with the URL's secrets masked, or nothing when it was."""
    if not is_installed():
        return MISSING
    try:
        return masked(_post(url, message), url)[:_SHOWN]
    except Exception as error:  # noqa: BLE001 - a plugin of Apprise may raise anything; its text may hold the URL
        return masked(f"{type(error).__name__}: {error}", url)[:_SHOWN]


def _post(url: str, message: OperatorMessage) -> str:
    import apprise

    logging.getLogger("apprise").propagate = False  # its lines hold URLs
    asset = apprise.AppriseAsset(app_id="kvmtui", app_desc="kvmtui", app_url="", async_mode=False)
    asset.http_redirects = False
    sender = apprise.Apprise(asset=asset)
    if not sender.add(url):
        return _UNKNOWN_URL
    taken = sender.notify(
        body=message.body,
        title=message.title,
        notify_type=apprise.NotifyType[_TYPES[message.level]],
        body_format=apprise.NotifyFormat.TEXT,
    )
    if taken:
        return ""
    said = [each.message for each in taken.logs() if each.level in ("WARNING", "ERROR")]
    return " ".join(said[-1].split()).rstrip(".") if said else "it was not accepted"
