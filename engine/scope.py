"""Which clients, products and services an actor may see and act on. What is outside does not exist for them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """The ids of clients, products and services; None stands for every one. A service is inside when all allow it."""

    clients: frozenset[int] | None = None
    products: frozenset[int] | None = None
    services: frozenset[int] | None = None  # only the sessions of clients are limited to services

    @property
    def limited(self) -> bool:
        """Whether anything is outside."""
        return (self.clients, self.products, self.services) != (None, None, None)

    def sees(self, client_id: int, product_id: int, service_id: int = 0) -> bool:
        """Whether a service of this client and product is inside; without its id, whether every such service is."""
        return (
            (self.services is None or service_id in self.services)
            and (self.clients is None or client_id in self.clients)
            and (self.products is None or product_id in self.products)
        )


EVERYTHING = Scope()
