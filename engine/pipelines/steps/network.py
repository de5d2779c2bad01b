"""Configure network: bridge, VLAN, rate and model of the card. Its MAC never changes."""

from __future__ import annotations

from engine.pipelines.context import Context
from engine.proxmox.codecs import Net
from engine.proxmox.guest_values import GuestConfig
from engine.proxmox.journal import Value
from engine.traffic import quota
from engine.work.model import Done, Fail, Outcome, Skip


def set_network(ctx: Context) -> Outcome:
    """Have the first card as the plan says, with the MAC the VM has always had."""
    config = ctx.guest.recent_config()
    card = config.nets.get("net0")
    mac = ctx.vm.mac or (card.mac if card else None) or ""
    if card is None and not mac:
        return Fail("the VM has no network card; give its template a net0")
    changes = first_card(ctx, config)
    if card is not None and not changes:
        ctx.set(mac=mac)
        return ctx.reached()
    return ctx.act(lambda: ctx.guest.set_config(changes))


def set_rate(ctx: Context) -> Outcome:
    """Have the rate limit of the first card as the plan and the traffic quota say; nothing else of it changes."""
    service, throttle = ctx.vm.service_id, quota.throttle_of(ctx.vm.service_id)
    card = ctx.guest.recent_config().nets.get("net0")
    if card is None:
        return Fail("the VM has no network card; give its template a net0")
    wanted = card.with_rate(_rate(ctx)).format()
    outcome = (
        ctx.reached() if wanted == card.format() else ctx.act(lambda: ctx.guest.set_config({"net0": wanted}))
    )
    if isinstance(outcome, Done | Skip):
        ctx.on_commit_with_end(lambda: quota.note_card(service, throttle))
    return outcome


def first_card(ctx: Context, config: GuestConfig) -> dict[str, Value]:
    """The first card as the plan says, when it is another now."""
    card = config.nets.get("net0")
    mac = ctx.vm.mac or (card.mac if card else None) or ""
    if card is None and not mac:
        return {}
    wanted = wanted_card(ctx, card or Net.parse(f"virtio={mac}"), mac).format()
    return {} if card is not None and wanted == card.format() else {"net0": wanted}


def wanted_card(ctx: Context, card: Net, mac: str) -> Net:
    """The network card as planned; settings the plan does not name stay unchanged."""
    net = ctx.plan.network
    wanted = card.with_mac(mac) if mac else card
    if net.model != "template":
        wanted = wanted.with_model(net.model)
    wanted = wanted.with_bridge(ctx.vm.bridge or net.bridge).with_vlan(ctx.vm.vlan)
    return wanted.with_rate(_rate(ctx)).with_firewall(ctx.plan.firewall.enable)


def _rate(ctx: Context) -> int:
    return quota.card_rate(ctx.vm.service_id, ctx.plan.network.bandwidth)
