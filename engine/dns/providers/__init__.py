"""The three kinds of DNS provider, opened by their settings."""

from __future__ import annotations

from engine.dns.provider import Provider
from engine.dns.providers.cloudflare import Cloudflare
from engine.dns.providers.hestia import Hestia
from engine.dns.providers.powerdns import PowerDns
from engine.dns.settings import CloudflareSettings, PowerDnsSettings, Settings


def open_provider(settings: Settings) -> Provider:
    """The provider behind a zone's settings; nothing is sent before it is asked for something."""
    if isinstance(settings, PowerDnsSettings):
        return PowerDns(settings)
    if isinstance(settings, CloudflareSettings):
        return Cloudflare(settings)
    return Hestia(settings)
