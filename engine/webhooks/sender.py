"""The threads of a running engine that send messages: one sender per endpoint among all processes.

An endpoint that does not answer delays its own messages only. A process that is killed between sending and noting the
answer sends the message again, with the same `webhook-id`.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
import uuid

from engine.errors import KvmtuiError
from engine.store.database import session
from engine.webhooks import months, queue
from engine.webhooks.address import target
from engine.webhooks.post import Message, WebhookAnswer, post
from engine.webhooks.queue import Job
from engine.webhooks.recording import BELL
from engine.work import sending, wake

log = logging.getLogger(__name__)
LEASE_MS = 60_000
_IDLE_S = 30.0
_HELD_ELSEWHERE_S = 1.0


class WebhookSender:
    """Start it with the engine, stop it with the engine. Several processes share one queue."""

    def __init__(self) -> None:
        self._me = f"{socket.gethostname()}:{uuid.uuid4().hex[:8]}"
        self._loop = sending.Loop(BELL, self._look)
        self._endpoints: dict[int, _Endpoint] = {}
        self._not_before: dict[int, float] = {}
        self._guard = threading.Lock()

    @property
    def stopping(self) -> bool:
        """Whether no further message is sent."""
        return self._loop.stopping.is_set()

    def start(self) -> None:
        """Begin to send."""
        self._loop.start()

    def finish(self, within: float) -> bool:
        """Send what is due now, then end; True when that was done in time."""
        end = time.monotonic() + within
        return self._loop.finish(within) and all(
            each.join(max(0.0, end - time.monotonic())) for each in self._active()
        )

    def stop(self, within: float) -> bool:
        """End; an endpoint that is silent is not waited for, and its message is sent again by the next engine."""
        end = time.monotonic() + within
        ended = self._loop.stop(within)
        for each in self._active():
            if not each.join(max(0.0, end - time.monotonic())):
                each.abandon()
        return ended

    def _active(self) -> list[_Endpoint]:
        with self._guard:
            return list(self._endpoints.values())

    def _look(self) -> float:
        """Start a sender for each endpoint with a message that is due; returns the seconds until the next check."""
        months.tell_last()
        pause = _IDLE_S
        with session():
            waits = queue.waits()
        for number, wait in waits.items():
            left = max(wait, self._not_before.get(number, 0.0) - time.monotonic())
            if left > 0:
                pause = min(pause, left)
                continue
            with self._guard:
                if number not in self._endpoints and not self.stopping:
                    self._endpoints[number] = _Endpoint(number, self._me, self)
                    self._endpoints[number].start()
        return max(0.05, pause)

    def ended(self, endpoint: _Endpoint) -> None:
        """An endpoint has nothing more that is due; it is started again when it has."""
        with self._guard:
            self._endpoints.pop(endpoint.number, None)
            if endpoint.put_off:
                self._not_before[endpoint.number] = time.monotonic() + _HELD_ELSEWHERE_S
        wake.ring_here(BELL)


class _Endpoint:
    """Sends what is due at one endpoint, under its lease."""

    def __init__(self, number: int, owner: str, sender: WebhookSender) -> None:
        self.number = number
        self.put_off = False
        self._owner = owner
        self._sender = sender
        self._store = (
            threading.Lock()
        )  # held while the store is used: after `abandon` it is not touched any more
        self._abandoned = False
        self._thread = threading.Thread(target=self._run, name=f"engine-webhook-{number}", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def join(self, within: float) -> bool:
        """Wait for the end; True when it came in time."""
        self._thread.join(within)
        return not self._thread.is_alive()

    def abandon(self) -> None:
        """From now on the thread touches nothing but its socket."""
        with self._store:
            self._abandoned = True

    def _run(self) -> None:
        try:
            while not self._sender.stopping and (found := self._next()) is not None:
                answer = send(found)
                with self._store:
                    if self._abandoned:
                        return
                    queue.settle(found, answer)
            with self._store:
                if not self._abandoned and not self.put_off:
                    sending.release(queue.destination(self.number), self._owner)
        except Exception:
            self.put_off = True
            log.exception("Sending to webhook %s failed; retrying shortly", self.number)
        finally:
            if not self._abandoned:
                self._sender.ended(self)

    def _next(self) -> Job | None:
        with self._store:
            if self._abandoned:
                return None
            if not sending.hold(queue.destination(self.number), self._owner, LEASE_MS):
                self.put_off = True
                return None
            with session():
                return queue.next_due(self.number)


def send(found: Job) -> WebhookAnswer:
    """Send a message once, and say how that went; a URL that may not be called any more is an answer too."""
    try:
        wanted = target(found.url, found.allow_private)
    except KvmtuiError as error:
        return WebhookAnswer(None, error.sentence)
    return post(wanted, Message(found.uid, found.body, found.secret), found.allow_private)
