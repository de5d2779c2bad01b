"""What people wrote down about a service or a client."""

from __future__ import annotations

from engine.actions.lookup import found
from engine.store.database import session
from engine.store.models import Client, Service


def notes_of(service_id: int) -> str:
    """The notes of a service, empty when nobody wrote any; refused when the service is unknown."""
    with session():
        return str(found(Service, Service.id == service_id, f"service {service_id}").notes)


def notes_of_client(name: str) -> str:
    """The notes of a client; refused when the client is unknown."""
    with session():
        return str(found(Client, Client.name == name, f"client '{name}'").notes)
