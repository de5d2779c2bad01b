"""A client that `openapi-python-client` generates from the schema runs a service's whole life against a cluster."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kvmtui.reference.api import openapi
from tests.api.whole import Whole, whole

__all__ = ["whole"]
PACKAGE = "generated_shop_client"


@pytest.fixture
def generated(tmp_path: Path) -> Iterator[ModuleType]:
    """The client's package; the generator must have nothing to say about the schema."""
    if find_spec("openapi_python_client") is None:
        if os.environ.get("KVMTUI_REQUIRE_OPENAPI_CLIENT") == "1":
            pytest.fail("the generator is missing: pip install --no-deps openapi-python-client")
        pytest.skip("needs a generator: pip install --no-deps openapi-python-client")
    from openapi_python_client import generate
    from openapi_python_client.config import Config, ConfigFile, MetaType

    schema, folder = tmp_path / "openapi.json", tmp_path / PACKAGE
    schema.write_text(json.dumps(openapi()))
    file = ConfigFile(post_hooks=[], project_name_override=PACKAGE, package_name_override=PACKAGE)
    said = generate(config=Config.from_sources(file, MetaType.NONE, schema, "utf-8", True, folder))
    assert [(each.header, each.detail) for each in said] == []
    sys.path.insert(0, str(tmp_path))
    try:
        yield importlib.import_module(PACKAGE)
    finally:
        sys.path.remove(str(tmp_path))
        for name in [each for each in sys.modules if each.partition(".")[0] == PACKAGE]:
            del sys.modules[name]


class Shop:
    """What a billing system does with the client: every call returns a model, every write a request that ends."""

    def __init__(self, package: ModuleType, whole: Whole) -> None:
        self._client = package.AuthenticatedClient(base_url=whole.url, token=whole.token, timeout=90)
        self._keys = 0

    def call(self, operation: str, **given: Any) -> Any:
        """The model that an operation answers; it must not be an error."""
        module = importlib.import_module(f"{PACKAGE}.api.{operation}")
        answer = module.sync_detailed(client=self._client, **given)
        assert answer.status_code in (200, 202) and answer.parsed is not None, answer.content
        return answer.parsed

    def close(self) -> None:
        """Close the connection."""
        self._client.get_httpx_client().close()

    def model(self, kind: str, /, **values: Any) -> Any:
        """A body."""
        return getattr(importlib.import_module(f"{PACKAGE}.models"), kind).from_dict(values)

    def done(self, operation: str, **given: Any) -> Any:
        """Send a write, and wait until what it requested is done."""
        self._keys += 1
        made = self.call(operation, idempotency_key=f"key-{self._keys}", **given)
        if made.request.id is None:
            return made.request
        for _ in range(3):
            found = self.call("requests.show_request", id=made.request.id, wait=30)
            if found.ended is not None:
                break
        assert found.state.value == "done", found
        return found


@pytest.mark.timeout(300)
def test_a_generated_client_runs_a_whole_life(generated: ModuleType, whole: Whole) -> None:
    shop = Shop(generated, whole)
    order = shop.model("OrderForm", client="Acme", product="VPS-2", external_ref="order-7")
    number = shop.done("services.create_service", body=order).service_id
    vm = shop.call("v_ms.show_vm", id=number)
    assert (vm.vm_status, vm.service_status) == ("ready", "Active") and vm.ips[0].address

    shop.done("services.suspend_service", id=number, body=shop.model("Reason", reason="not paid"))
    assert shop.call("services.show_service", id=number).suspended.reason == "not paid"
    assert whole.lab.guests(2000)[vm.vmid]["status"] == "stopped"
    shop.done("services.unsuspend_service", id=number, body=None)
    shop.done("services.change_package", id=number, body=shop.model("PackageChange", product="VPS-4"))
    assert whole.lab.guests(2000)[vm.vmid]["config"]["cores"] == 4
    shop.done("snapshots.create_snapshot", id=number, body=shop.model("NewSnapshot", name="before"))
    assert [each.name for each in shop.call("snapshots.list_snapshots", id=number).items] == ["before"]
    shop.done("services.terminate_service", id=number, body=None)
    found = shop.call("services.list_services", external_ref="order-7").items
    assert [(each.id, each.status) for each in found] == [(number, "Terminated")]
    assert vm.vmid not in whole.lab.guests(2000)
    shop.close()
