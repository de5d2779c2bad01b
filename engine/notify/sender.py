"""Sends notifications: one sender per target among all processes.

A process that is killed between sending and noting that it was taken sends the message again.
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.errors import KvmtuiError
from engine.notify import queue
from engine.notify.message import OperatorMessage, message_of
from engine.notify.post import post
from engine.notify.recording import CHANNEL
from engine.notify.settings import Receiver, url_of
from engine.store.database import session
from engine.work.sending import DestinationSender, DestinationThread


class NotifySender(DestinationSender):
    """Sends the notifications that are due; see DestinationSender."""

    def __init__(self) -> None:
        super().__init__(CHANNEL)

    def waits(self) -> Mapping[str, float]:
        """The targets with notifications, and the seconds until they are due."""
        with session():
            return queue.waits()

    def send(self, destination: DestinationThread) -> bool:
        """Send what is due at a target as one message."""
        if self.stopping or not destination.hold():
            return False
        with destination.store():
            found = queue.due(destination.name)
        if found is None:
            return False
        receiver, notifications = found
        error = deliver(receiver, message_of(notifications, receiver.zone))
        with destination.store():
            queue.settle(receiver, notifications, error)
        return not error


def deliver(receiver: Receiver, message: OperatorMessage) -> str:
    """Send a message to a target once; why it was not accepted, or nothing when it was."""
    try:
        url = url_of(receiver)
    except KvmtuiError as error:
        return error.sentence
    return post(url, message)
