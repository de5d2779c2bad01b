"""A service with a traffic quota whose traffic is written by hand, and what its client and its shop get to read."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from engine.actions import traffic_quota
from engine.store import settings
from engine.store.database import session, transaction
from engine.store.models import (
    Client,
    Outbox,
    Product,
    Request,
    Server,
    Service,
    Traffic,
    TrafficQuota,
    Vm,
    Webhook,
    WebhookDelivery,
)
from engine.store.settings import Smtp
from engine.traffic.hourly_bytes import HOUR_MS
from engine.work.task import TaskReport

GIB = 1024**3
NOTICES = {"warning", "exceeded", "restored"}


def at(*moment: int, zone: str = "UTC") -> int:
    """A moment on the clock of a zone."""
    return int(datetime(*moment, tzinfo=ZoneInfo(zone)).timestamp() * 1000)  # type: ignore[misc,arg-type]


@dataclass
class Shop:
    """One service of one product."""

    service: int
    vm: Vm

    @classmethod
    def open(cls, vm: Vm | None = None, **spec: Any) -> Shop:
        """A mail server, an endpoint for webhooks, and a service with this quota; or that of a VM that is there."""
        with session(), transaction():
            settings.write(Smtp(host="127.0.0.1", sender="noc@example.com"))
            Webhook.create(uid="hook", url="https://shop.example")
            if vm is None:
                server = Server.create(uid="s", name="pve", hosts=["10.0.0.1"])
                client = Client.create(name="Acme", email="ops@acme.example")
                product = Product.create(name="VPS", server=server, spec=spec)
                service = Service.create(client=client, product=product, status="Active")
                vm = Vm.create(
                    uid=str(uuid.uuid4()),
                    service=service,
                    server=server,
                    vmid=5000,
                    node="pve1",
                    vm_status="ready",
                )
            return cls(vm.service_id, vm)

    def sell(self, **spec: Any) -> None:
        """Change the product."""
        with session():
            product = Service.get_by_id(self.service).product
            Product.update(spec={**product.spec, **spec}).where(Product.id == product.id).execute()

    def option(self, **options: Any) -> None:
        """Change what the service overrides, as the database has it."""
        Service.update(options=options).where(Service.id == self.service).execute()

    def use(self, moment: int, gib_in: float, gib_out: float = 0) -> None:
        """Count so much in the hour of a moment, besides what it has."""
        hour = moment - moment % HOUR_MS
        more = {"bytes_in": int(gib_in * GIB), "bytes_out": int(gib_out * GIB)}
        changed = Traffic.update(
            {name: getattr(Traffic, name) + value for name, value in more.items()}
        ).where(Traffic.vm == self.vm.id, Traffic.hour == hour)
        if not changed.execute():
            Traffic.insert(vm=self.vm.id, service=self.service, hour=hour, **more).execute()

    def look(self, moment: int) -> int:
        """What the statistics do at their end."""
        report = TaskReport()
        traffic_quota.enforce_all(moment, report)
        assert report.outcomes == []
        return report.processed

    def spend(self, moment: int, gib: float) -> list[str]:
        """Count incoming traffic and look; returns the notices since the last time."""
        known = len(self.notices_sent())
        self.use(moment, gib)
        self.look(moment)
        return self.notices_sent()[known:]

    def notices_sent(self) -> list[str]:
        """The notices so far; mails and webhooks must agree."""
        with session():
            mails = [row.template for row in Outbox.select().order_by(Outbox.id)]
            hooks = [row.type for row in WebhookDelivery.select().order_by(WebhookDelivery.id)]
        mailed = [each.removeprefix("traffic_") for each in mails if each.startswith("traffic_")]
        hooked = [each.removeprefix("traffic.") for each in hooks if each.startswith("traffic.")]
        assert mailed == hooked and set(mailed) <= NOTICES
        return mailed

    def bodies(self) -> list[dict[str, Any]]:
        """The data of every message about traffic."""
        with session():
            rows = WebhookDelivery.select().where(WebhookDelivery.type.startswith("traffic."))
            return [json.loads(row.body)["data"] for row in rows.order_by(WebhookDelivery.id)]

    def suspensions(self) -> list[str]:
        """The messages that tell of a suspension or of its end."""
        with session():
            rows = WebhookDelivery.select().where(WebhookDelivery.type.endswith("suspended"))
            return [row.type.removeprefix("service.") for row in rows.order_by(WebhookDelivery.id)]

    def row(self) -> TrafficQuota | None:
        """What the quota keeps of the service."""
        with session():
            return TrafficQuota.get_or_none(TrafficQuota.service == self.service)

    def asked(self) -> list[tuple[str, str]]:
        """Every request of the quota with its state."""
        with session():
            rows = list(Request.select().where(Request.vm == self.vm.id).order_by(Request.id))
        return [(row.action, row.state) for row in rows if row.args.get("quota")]
