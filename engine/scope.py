"""Which clients and products an actor may see and act on. What is outside does not exist for them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """The ids of clients and products; None stands for every one. A service is inside when both allow it."""

    clients: frozenset[int] | None = None
    products: frozenset[int] | None = None

    @property
    def limited(self) -> bool:
        """Whether anything is outside."""
        return self.clients is not None or self.products is not None

    def sees(self, client_id: int, product_id: int) -> bool:
        """Whether a service of this client and product is inside."""
        return (self.clients is None or client_id in self.clients) and (
            self.products is None or product_id in self.products
        )


EVERYTHING = Scope()
