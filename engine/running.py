"""Puts an engine together for a process: console, daemon or cron call."""

from __future__ import annotations

import time
import uuid
from typing import Literal

from engine.dns.sender import DnsSender
from engine.dns.sync import SiteNames
from engine.mail.outbox import SiteMail
from engine.mail.sender import Sender
from engine.notify.sender import NotifySender
from engine.pipelines.context import Contexts
from engine.pipelines.registry import catalog
from engine.schedule.process_vms import retry_ms
from engine.schedule.registry import RETENTION, TASKS
from engine.store.database import in_transaction, session
from engine.store.models import Setting
from engine.webhooks import recording
from engine.webhooks.sender import WebhookSender
from engine.work.engine import Engine
from engine.work.ports import Ports
from engine.work.servers import Servers
from engine.work.task_run import Say
from engine.work.ticker import Ticker
from engine.work.walk import Walker

_DNS_S = 10.0  # the longest a process that ends waits for DNS servers, webhooks or notifications
Kind = Literal["console", "daemon", "cron"]


def instance() -> str:
    """The name of this installation inside ownership marks; made once."""
    with session():
        row = Setting.get_or_none(Setting.key == "instance")
    if row is None:
        in_transaction(
            lambda: Setting.insert(key="instance", value=str(uuid.uuid4())).on_conflict_ignore().execute()
        )
        with session():
            row = Setting.get(Setting.key == "instance")
    return str(row.value)


class Running:
    """An engine at work in this process, with or without the ticker."""

    def __init__(
        self, kind: Kind, version: str, say: Say | None = None, ports: Ports | None = None, workers: int = 12
    ) -> None:
        recording.use()
        self.servers = Servers()
        contexts = Contexts(self.servers, ports or ports_of_site(), instance())
        walker = Walker(catalog(), self.servers, contexts, retry_ms=retry_ms)
        self.engine = Engine(walker, kind, version, workers)
        self._say = say
        self._ticker: Ticker | None = None
        self._sender = Sender()
        self._dns = DnsSender()
        self._webhooks = WebhookSender()
        self._notifications = NotifySender()
        self._works = False

    @property
    def owner(self) -> str:
        """The name of this worker."""
        return self.engine.owner

    def register(self) -> None:
        """Enter this process among the workers without working yet."""
        self.engine.register()

    def start(self, ticking: bool = True) -> None:
        """Begin to work, once however often it is asked; `ticking` also runs the scheduled tasks."""
        if not self._works:
            self._works = True
            self.engine.start()
            self._sender.start()
            self._dns.start()
            self._webhooks.start()
            self._notifications.start()
        if ticking and self._ticker is None:
            self._ticker = Ticker(
                (*TASKS, RETENTION), self.servers, self.engine.owner, self._say or (lambda line: None)
            )
            self._ticker.start()

    def send_mails(self, within: float) -> bool:
        """Send the mails, webhook messages, notifications and DNS changes that are due now, and none after them.

        True when all mails were in time.
        """
        end = time.monotonic() + within
        self._dns.finish(min(within, _DNS_S))
        self._webhooks.finish(min(_DNS_S, max(0.0, end - time.monotonic())))
        self._notifications.finish(min(_DNS_S, max(0.0, end - time.monotonic())))
        return self._sender.finish(max(0.0, end - time.monotonic()))

    def stop(self, timeout: float = 8.0) -> bool:
        """Park everything and end; True when all threads ended in time."""
        end = time.monotonic() + timeout
        if self._ticker is not None:
            self._ticker.stop()
        ended = self.engine.stop(timeout)
        if self._ticker is not None:
            ended = self._ticker.ended(max(0.0, end - time.monotonic())) and ended
        ended = self._dns.stop(max(1.0, end - time.monotonic())) and ended
        ended = self._webhooks.stop(max(1.0, end - time.monotonic())) and ended
        ended = self._notifications.stop(max(1.0, end - time.monotonic())) and ended
        ended = self._sender.stop(max(0.0, end - time.monotonic())) and ended
        self.servers.close()
        return ended


def ports_of_site() -> Ports:
    """DNS and mail as this site has them set up."""
    return Ports(names=SiteNames(), mail=SiteMail())
