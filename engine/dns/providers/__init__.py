"""The DNS providers kvmtui knows: one line each. Everything else about a provider is in its own file."""

from __future__ import annotations

from engine.dns.providers.cloudflare import CloudflareForm
from engine.dns.providers.hestia import HestiaForm
from engine.dns.providers.powerdns import PowerDnsForm
from engine.dns.providers.rfc2136 import Rfc2136Form
from engine.forms.zone import ZoneForm

PROVIDERS: dict[str, type[ZoneForm]] = {
    form.provider(): form
    for form in (
        PowerDnsForm,
        CloudflareForm,
        HestiaForm,
        Rfc2136Form,
    )
}
