"""The products of a shop, as products here: one for each server their VMs are on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.errors import Refused
from engine.forms import BadInput, ProductForm, checked
from engine.imports.whmcs.options import first_template
from engine.imports.whmcs.plan import HERE, LEFT, NEW, REFUSED, UNKNOWN, ShopPlan
from engine.imports.whmcs.settings import read_settings
from engine.imports.whmcs.shop import Shop, ShopProduct
from engine.plan import Plan, effective
from engine.store.models import Product


class ProductPlanner:
    """Plans the products; `found` says which product here, with its plan, a product of WHMCS on a server is."""

    def __init__(
        self,
        shop: Shop,
        servers: Mapping[str, str],
        named: Mapping[str, str],
        positions: Mapping[int, str],
        plan: ShopPlan,
    ) -> None:
        self._shop = shop
        self._servers = servers
        self._named = named
        self._positions = positions
        self._plan = plan
        self.found: dict[tuple[str, str], tuple[str, Plan] | str] = {}  # or why there is none

    def run(self) -> None:
        """Add every product to the plan."""
        for product in self._shop.products.values():
            self._product(product)

    def _product(self, product: ShopProduct) -> None:
        mapped = self._named.get(product.id) or self._named.get(product.name)
        used = [each.server for each in self._shop.living if each.product == product.id]
        numbers = used or list(product.servers)
        servers = list(dict.fromkeys(self._servers[each] for each in numbers if each in self._servers))
        if mapped is not None:
            self._mapped_product(product, mapped)
            return
        if not servers:
            sign = REFUSED if used else LEFT
            self._plan.say("product", sign, product.name, "none of its servers is here")
            return
        same = [each for each in self._shop.products.values() if each.name == product.name]
        base = product.name if same[0] is product else f"{product.name} ({product.id})"
        read = read_settings(product.settings, self._positions)
        for server in servers:
            self._product_on(
                product, base if len(servers) == 1 else f"{base} ({server})", server, read.values
            )
        if read.unknown:
            self._plan.say("product", UNKNOWN, base, f"settings: {', '.join(read.unknown)}")

    def _mapped_product(self, product: ShopProduct, name: str) -> None:
        row = Product.get_or_none(Product.name == name)
        if row is None:
            raise Refused(f"--product-map: there is no product '{name}'.")
        self.found[product.id, row.server.name] = name, effective(row.spec, {})
        self._plan.say("product", HERE, product.name, f"is {name} here")

    def _product_on(self, product: ShopProduct, name: str, server: str, settings: dict[str, Any]) -> None:
        key = product.id, server
        row = Product.get_or_none(Product.name == name)
        if row is not None and row.server.name == server:
            self.found[key] = name, effective(row.spec, {})
            differing = [
                ".".join(field) for field in _paths(settings) if _at(row.spec, field) != _at(settings, field)
            ]
            kept = f"kept as it is here; {', '.join(differing)} differ" if differing else ""
            self._plan.say("product", HERE, name, kept)
            return
        if row is not None:
            name = f"{name} ({server})"[-100:]
        values: dict[str, Any] = {"name": name, "server": server, **settings}
        if "template" not in values:
            template = first_template(self._shop.options.get(product.id, []))
            values |= {} if template is None else {"template": template}
        try:
            form = checked(ProductForm, values)
        except BadInput as bad:
            why = "; ".join(f"{'.'.join(map(str, fault.path))} {fault.sentence}" for fault in bad.faults)
            self.found[key] = f"its product '{name}' cannot be made: {why}"
            self._plan.incomplete.append((values, why))
            self._plan.say(
                "product", REFUSED, name, f"{why} Complete it in the manifest, or say --product-map"
            )
            return
        self._plan.manifest["products"].append(values)
        self.found[key] = name, effective(form.model_dump(exclude={"name", "server"}), {})
        self._plan.say(
            "product", NEW, name,
            f"{server}, template {form.template}, {form.cores} cores, {form.memory} MiB, {form.system_disk.size} GiB",
        )  # fmt: skip


def _paths(values: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from ((key, *rest) for rest in _paths(value))
        else:
            yield (key,)


def _at(values: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    found: Any = values
    for part in path:
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
