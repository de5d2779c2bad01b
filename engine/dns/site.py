"""The zones of this site: from their rows to what providers and matching need."""

from __future__ import annotations

from typing import Any

from engine.dns import matching
from engine.dns.provider import Provider
from engine.dns.providers import open_provider
from engine.dns.settings import CloudflareSettings, HestiaSettings, PowerDnsSettings, Settings
from engine.dns.tls import Tls
from engine.store import secrets
from engine.store.models import Zone


def settings_of(row: Zone) -> Settings:
    """How to reach a zone, secrets unsealed."""
    config: dict[str, Any] = row.config
    hidden = {name: secrets.unseal(sealed, "zone", row.uid, name) for name, sealed in row.secrets.items()}
    tls = _tls(config.get("tls") or {})
    if row.type == "powerdns":
        return PowerDnsSettings(row.name, config["server_url"], hidden["api_key"], tls)
    if row.type == "cloudflare":
        account, url = config.get("account_id", ""), config.get("api_url", "")
        return CloudflareSettings(row.name, config["zone_id"], hidden["api_token"], account, url, tls)
    return HestiaSettings(
        row.name,
        config["server_url"],
        config["user"],
        access_key=config.get("access_key", ""),
        secret_key=hidden.get("secret_key", ""),
        admin_user=config.get("admin_user", ""),
        admin_password=hidden.get("admin_password", ""),
        tls=tls,
    )


def _tls(choice: dict[str, Any]) -> Tls:
    pin = choice.get("fingerprint")
    return Tls(ca_file=choice.get("ca_file") or "", fingerprints=(pin,) if pin else ())


def provider_of(row: Zone) -> Provider:
    """The zone's provider, opened; the caller closes it."""
    return open_provider(settings_of(row))


def zone_of(row: Zone) -> matching.Zone:
    """The zone as matching sees it."""
    config: dict[str, Any] = row.config
    server = config.get("server_url") or f"{config.get('api_url', '')}#{config.get('account_id', '')}"
    return matching.Zone(row.id, row.name, row.type, server.rstrip("/").lower())


def all_zones() -> dict[int, Zone]:
    """Every zone's row by its id."""
    return {row.id: row for row in Zone.select().order_by(Zone.id)}
