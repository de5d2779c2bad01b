"""The overview of a VM on the simulated cluster: what it tells, what it costs, and when it asks nobody."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from engine.actions import pausing
from engine.audit import current_actor
from engine.proxmox.cluster import Cluster
from engine.proxmox.guest import Guest
from engine.proxmox.mark import Mark
from engine.queries.live import live
from engine.store.models import Audit, Service, Vm
from engine.work.access import access_of
from engine.work.requests import queue_of
from screens.framework.notes import NotesDialog
from screens.shell.console import Console
from screens.vm.tabs import live_panel as panel_file
from screens.vm.tabs.overview import OverviewTab
from screens.widgets.dialogs import Dialog, PlanDialog
from screens.widgets.sheet import _changes
from tests.live.conftest import VMID, site, stepped_site
from tests.pipelines.conftest import Site
from tests.screens.console_site import HOSTILE, console, settle
from tests.screens.pressing import until
from tests.screens.test_vm_maintenance import done, press, shown_messages, vm

__all__ = ["site", "stepped_site", "vm"]


async def page(pilot: Pilot[Any], vm: Vm) -> OverviewTab:
    """Open the VM's overview and wait for the first reading."""
    await settle(pilot)
    await pilot.app.open_vm(vm.service_id)  # type: ignore[attr-defined]
    await settle(pilot)
    tab: OverviewTab = pilot.app.current_screen.tab  # type: ignore[attr-defined]
    await until(pilot, lambda: tab.panel.good is not None or bool(tab.panel.error))
    return tab


async def look(pilot: Pilot[Any], tab: OverviewTab) -> None:
    """What the clock does after five seconds."""
    tab.looking.again()
    await settle(pilot)


def line(tab: OverviewTab, name: str) -> str:
    return next(words for words in tab.panel.words if words.strip("· ").startswith(name))


def asked(site: Site) -> list[str]:
    """What was asked about the VM since the last time, as the ends of paths."""
    found = [path.rpartition(f"/{VMID}/")[2] for _, path, _ in site.lab.requests.entries]
    site.lab.requests.clear()
    return sorted(found)


async def test_the_panel_shows_the_vm_compared_with_its_product(site: Site, vm: Vm) -> None:
    site.lab.foreign_config(VMID, cores=4, ide2="iso:iso/debian-12.iso,media=cdrom")
    site.lab.foreign_lock(VMID, "backup")
    async with console().run_test(size=(100, 40)) as pilot:
        tab = await page(pilot, vm)
        assert "[+] running for" in line(tab, "Power") and "lock backup" in line(tab, "Power")
        assert "█" in line(tab, "RAM") and "of 2.0 GiB" in line(tab, "RAM")
        assert "debian-12.iso" in line(tab, "ISO")
        assert "4 cores" in line(tab, "Processor") and "! 2 cores" in line(tab, "Processor")
        assert "= 20 GiB" in line(tab, "System disk")
        assert any(
            words.startswith("[!] 1 differs ") and "= applies it again" in words for words in tab.panel.words
        )
        assert "not measured yet" in line(tab, "Traffic")
        site.lab.advance(60)
        await look(pilot, tab)
        assert "in " in line(tab, "Network") and "read " in line(tab, "Disk I/O")


async def test_the_panel_shows_what_waits_for_the_next_start(site: Site, vm: Vm) -> None:
    cluster = Cluster(access_of(site.server))
    proof = Guest(cluster, VMID, Mark(site.walker.contexts.instance, vm.uid), vm.node)
    proof.set_config({"memory": 4096})
    cluster.close()
    async with console().run_test(size=(100, 40)) as pilot:
        tab = await page(pilot, vm)
        assert "memory: 2048 now, 4096 after the next start" in line(tab, "Pending")


async def test_only_what_is_visible_is_read(site: Site, vm: Vm) -> None:
    async with console().run_test(size=(100, 40)) as pilot:
        site.lab.requests.clear()
        tab = await page(pilot, vm)
        assert asked(site) == ["pending", "status/current"]
        await look(pilot, tab)
        assert asked(site) == ["pending", "status/current"]

        await press(pilot, "?")
        await look(pilot, tab)
        assert asked(site) == []
        await press(pilot, "escape")
        await look(pilot, tab)
        assert set(asked(site)) == {"pending", "status/current"}

        await press(pilot, "L", "L")  # the live log over the whole place
        site.lab.requests.clear()
        await look(pilot, tab)
        assert asked(site) == []
        await press(pilot, "L")
        await look(pilot, tab)
        assert set(asked(site)) == {"pending", "status/current"}

        pilot.app.app_suspend_signal.publish(pilot.app)
        await settle(pilot)
        site.lab.requests.clear()
        await look(pilot, tab)
        assert asked(site) == []
        pilot.app.app_resume_signal.publish(pilot.app)
        await look(pilot, tab)
        assert set(asked(site)) == {"pending", "status/current"}

        await press(pilot, "right")
        site.lab.requests.clear()
        await look(pilot, tab)
        assert asked(site) == []
    assert tab.looking._looking.locked()  # closed for good


async def test_what_cannot_be_seen_any_more_stays_with_its_age(
    site: Site, vm: Vm, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console().run_test(size=(100, 40)) as pilot:
        tab = await page(pilot, vm)
        pausing.pause(current_actor("test"), "pve-lab")
        site.lab.requests.clear()
        later = panel_file.now_ms() + 63_000
        monkeypatch.setattr("screens.common.times.now_ms", lambda: later)
        await look(pilot, tab)
        assert asked(site) == []
        assert "[x] Server pve-lab is paused" in line(tab, "Now")
        assert "1 min ago; the values below are of that time" in line(tab, "Read")
        assert "running" in line(tab, "Power")


async def test_a_vm_that_is_gone_and_one_that_is_not_ours_are_sentences(site: Site, vm: Vm) -> None:
    site.lab.foreign_config(VMID, description="by hand")
    async with console().run_test(size=(80, 24)) as pilot:
        tab = await page(pilot, vm)
        assert line(tab, "Now").startswith("Now              [!]") and tab.panel.good is None
        await press(pilot, "=")
        assert "has not been read from the cluster yet" in shown_messages(pilot)[-1]
        site.lab.foreign_delete(VMID)
        await look(pilot, tab)
        assert "somebody removed it" in " ".join(words.strip() for words in tab.panel.words)


async def test_A_applies_the_product_again_after_a_preview(site: Site) -> None:
    vm = site.walk(site.service(status="Active"))
    net = str(site.guest(vm).config["net0"])
    site.lab.foreign_config(vm.vmid, cores=4, net0=net.replace("bridge=vmbr0", "bridge=vmbr1"))
    async with console().run_test(size=(100, 40)) as pilot:
        tab = await page(pilot, vm)
        await press(pilot, "=")
        dialog: Any = pilot.app.screen
        assert isinstance(dialog, PlanDialog)
        assert [each.words for each in dialog._lines] == ["Cores: 4 → 2", "Network bridge: vmbr1 → vmbr0"]
        assert "shut down" in dialog._note
        await press(pilot, "n")
        assert queue_of(vm.id) == []
        await press(pilot, "=", "y")
        assert done(site, vm) == "ChangePackage"
        assert live(vm.service_id).drift == ()
        await look(pilot, tab)
        await press(pilot, "=")
        assert "nothing to apply" in shown_messages(pilot)[-1]


@pytest.mark.parametrize("key", ["A", "E"])
async def test_a_read_only_console_refuses(key: str, site: Site, vm: Vm) -> None:
    site.lab.foreign_config(VMID, cores=4)
    async with console(read_only=True).run_test(size=(100, 40)) as pilot:
        await page(pilot, vm)
        await press(pilot, key)
        assert not isinstance(pilot.app.screen, Dialog) and "Read-only" in shown_messages(pilot)[-1]
    assert Audit.select().count() == 0


async def test_notes_are_written_and_never_over_somebody_elses(site: Site, vm: Vm) -> None:
    async with console().run_test(size=(80, 24)) as pilot:
        tab = await page(pilot, vm)
        await press(pilot, "#")
        assert isinstance(pilot.app.screen, NotesDialog)
        await press(pilot, *"call first", "ctrl+o")
        await until(pilot, lambda: not isinstance(pilot.app.screen, Dialog))
        assert Service.get().notes == "call first"
        await until(pilot, lambda: any("call first" in words for words in tab._sheet.words))
        await press(pilot, "#")
        Service.update(notes="theirs").execute()
        await press(pilot, *"mine", "ctrl+o")
        assert isinstance(pilot.app.screen, NotesDialog) and Service.get().notes == "theirs"
        await press(pilot, "escape")
        await press(pilot, "#", "ctrl+o")
        assert [row.action for row in Audit.select()] == ["notes"]


async def test_a_reading_repaints_only_what_changed(
    site: Site, vm: Vm, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[str] = []

    def count(app: Console, screen: Any, renderable: Any) -> None:
        if hasattr(renderable, "render_segments"):
            painted.append(renderable.render_segments(app.console))

    async with console().run_test(size=(120, 40)) as pilot:
        tab = await page(pilot, vm)
        site.lab.advance(30)
        await look(pilot, tab)
        monkeypatch.setattr(Console, "_display", count)
        before = tab.panel.words
        site.lab.advance(5)
        await look(pilot, tab)
        await pilot.pause(0.1)
        assert tab.panel.words != before
        assert 0 < sum(len(each.encode()) for each in painted) < 900, painted
        painted.clear()
        tab.panel.redraw()
        await pilot.pause(0.1)
        assert painted == []


async def test_foreign_text_stays_text_on_the_sheet(site: Site, vm: Vm) -> None:
    Service.update(notes=f"{HOSTILE}\n{'x' * 10_000}").execute()
    site.lab.foreign_lock(VMID, "a[/b]\x1b[31m")
    async with console().run_test(size=(80, 24)) as pilot:
        tab = await page(pilot, vm)
        words = "\n".join(tab.panel.words + tab._sheet.words)
        assert "a[/b]" in words
        assert not {"\x1b", "\x07", "\u202e"} & set(words)
        drawn = [line.cell_length for line in tab._sheet.render_lines(tab._sheet.region.reset_offset)]
        assert set(drawn) == {tab._sheet.size.width + 2}


def test_a_sheet_paints_from_the_first_to_the_last_cell_that_changed() -> None:
    old = ((("CPU ", "muted"), ("21 %", "ok"), ("  of 2", "")),)
    new = ((("CPU ", "muted"), ("29 %", "ok"), ("  of 2", "")),)
    (region,) = _changes(old, new)
    assert (region.x, region.y, region.width) == (4, 0, 3)
    assert _changes(old, old) == []
    wide = ((("日本", ""),),)
    (region,) = _changes(wide, ((("日木", ""),),))
    assert region.x <= 2 and region.right >= 4
    (region,) = _changes(wide, ((("日本語", ""),),))
    assert region.right >= 6
