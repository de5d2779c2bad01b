"""Sends webhook messages: one sender per endpoint among all processes.

A process that is killed between sending and noting the answer sends the message again, with the same `webhook-id`.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.errors import KvmtuiError
from engine.store.database import session
from engine.webhooks import expiring, months, queue
from engine.webhooks.address import target
from engine.webhooks.post import Message, WebhookAnswer, post
from engine.webhooks.queue import Job
from engine.webhooks.recording import CHANNEL
from engine.work.sending import DestinationSender, DestinationThread


class WebhookSender(DestinationSender):
    """Sends the messages that are due; see DestinationSender."""

    def __init__(self) -> None:
        super().__init__(CHANNEL)

    def waits(self) -> Mapping[str, float]:
        """The endpoints with messages, and the seconds until the first is due."""
        months.tell_last()
        expiring.tell()
        with session():
            return queue.waits()

    def send(self, destination: DestinationThread) -> bool:
        """Send the next message of an endpoint."""
        if self.stopping or not destination.hold():
            return False
        with destination.store():
            found = queue.next_due(destination.name)
        if found is None:
            return False
        answer = send(found)
        with destination.store():
            queue.settle(found, answer)
        return True


def send(found: Job) -> WebhookAnswer:
    """Send a message once, and say how that went; a URL that may not be called any more is an answer too."""
    try:
        wanted = target(found.url, found.allow_private)
    except KvmtuiError as error:
        return WebhookAnswer(None, error.sentence)
    return post(wanted, Message(found.uid, found.body, found.secret), found.allow_private)
