"""Themes by numbers: the contrast of texts, status colours for colour-blind eyes, and what screens show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from engine.errors import Refused
from engine.queries.vm_list import VmQuestion, page
from screens.shell import themes, user_themes
from screens.shell.contrast import READABLE, faint, pairs, ratio, tones
from screens.vm.status import status
from screens.widgets.state import SIGNS
from tests.conftest import Store
from tests.screens.colour_vision import DICHROMATS, difference
from tests.screens.console_site import console, fill, settle

COLOURED = (themes.DARK, themes.LIGHT, themes.CONTRAST)
STATUSES = ("ok", "busy", "warn", "error")
APART = 15.0
"""The least difference of two status colours; six times what can just be seen."""
XTERM = {"ansi_cyan": "#00cdcd", "ansi_green": "#00cd00", "ansi_bright_red": "#ff0000"} | {
    "ansi_bright_yellow": "#ffff00", "ansi_bright_magenta": "#ff00ff", "ansi_default": "#e5e5e5",
}  # fmt: skip
VGA = {"ansi_cyan": "#00aaaa", "ansi_green": "#00aa00", "ansi_bright_red": "#ff5555"} | {
    "ansi_bright_yellow": "#ffff55", "ansi_bright_magenta": "#ff55ff", "ansi_default": "#aaaaaa",
}  # fmt: skip
"""The colours of the theme `16` as xterm and the console of Linux show them on black."""
_DRAWN = set("─│┌┐└┘▁▂▃▄▅▆▇█▊▌▍▎▏▐░▔▕▪•▲▼")


@pytest.mark.parametrize("name", COLOURED)
def test_every_text_is_readable_on_every_background(name: str) -> None:
    theme = themes.theme(name)
    assert faint(theme) == []
    assert len(list(pairs(theme))) == 7 * (3 if name == themes.CONTRAST else 4)


def test_a_text_that_is_hard_to_read_is_found() -> None:
    theme = replace(themes.theme(themes.LIGHT), warning="#c98500")
    found = faint(theme)
    assert [each.rsplit(" ", 1)[0] for each in found] == [
        f"warn on {where}" for where in ("background", "panel", "mark", "cursor")
    ]


@pytest.mark.parametrize("palette", [XTERM, VGA], ids=["xterm", "linux"])
def test_sixteen_colours_are_readable_on_black(palette: dict[str, str]) -> None:
    theme = themes.theme(themes.SIXTEEN)
    for name, colour in tones(theme).items():
        assert ratio(palette[colour], "#000000") >= READABLE, name
    assert theme.variables["block-cursor-text-style"] == "reverse"


@pytest.mark.parametrize("eye", DICHROMATS)
@pytest.mark.parametrize("name", COLOURED)
def test_status_colours_differ_for_every_eye(name: str, eye: str) -> None:
    colours = tones(themes.theme(name))
    for one, other in combinations(STATUSES, 2):
        assert difference(colours[one], colours[other], eye) >= APART, (one, other)


def test_red_and_green_of_the_same_lightness_would_be_found() -> None:
    assert (
        difference("#b3261e", "#8a5a00", "deuteranopia") < APART < difference("#b3261e", "#8a5a00", "normal")
    )


def test_every_status_has_a_sign_of_its_own(sqlite_store: Store) -> None:
    fill(10)
    cells = [status(each) for each in page(VmQuestion(), 0, 10)]
    signs = {cell.text.split()[0]: cell.tone for cell in cells}
    assert len(signs) >= 4
    assert all((len(sign) == 1 and not sign.isalnum()) or sign == "x" for sign in signs)
    assert len({sign for sign, _ in SIGNS.values()}) == len(SIGNS)


SCENES: tuple[tuple[str, ...], ...] = (
    (),
    ("2", "space", "space", "down", "space", "up"),
    ("/", "v"),
    ("escape", "a", "down"),
    ("escape", "R", "x"),
    ("escape", "question_mark"),
    ("escape", "ctrl+p", "v"),
    ("escape", "5", "E", "end"),
    ("escape", "5", "+", "ctrl+o", "tab"),
    ("escape", "9", "E", "tab", "x", "ctrl+s"),
    ("escape", "y", "L"),
    ("escape", "L", "0", "c"),
)
"""Keys one after the other; after each, every theme is looked at."""


async def test_what_the_screens_show_is_readable_in_every_theme(sqlite_store: Store) -> None:
    fill()
    seen = 0
    async with console().run_test(size=(100, 30)) as pilot:
        for keys in SCENES:
            for key in keys:
                await pilot.press(key)
                await settle(pilot)
            for name in COLOURED:
                pilot.app.theme = name
                await pilot.pause()
                found = list(texts(pilot))
                hard = {each for each in found if each[1] < READABLE}
                assert hard == set(), (keys, name)
                seen += len(found)
    assert seen > 500


def texts(pilot: Pilot[Any]) -> Iterator[tuple[str, float, str, str]]:
    """Every text of the topmost dialog or screen with its contrast, colour and background."""
    screen = pilot.app.screen
    top = next(iter(screen.query(".dialog, #--container")), screen).region
    for strip in screen._compositor.render_strips()[top.y : top.bottom]:
        for segment in strip.crop(top.x, top.right):
            style = segment.style
            words = segment.text.strip()
            if (
                style is None
                or not words
                or set(words) <= _DRAWN
                or style.color is None
                or style.bgcolor is None
            ):
                continue
            text, below = (each.get_truecolor().hex for each in (style.color, style.bgcolor))
            yield words, ratio(text, below), text, below


# Theme files

GOOD = 'base = "light"\n[colors]\nbackground = "#fffff4"\nok = "darkgreen"\ncursor = "#dddddd"\n'


def folder_with(tmp_path: Path, text: str, name: str = "mine") -> Path:
    """A folder with one theme file."""
    folder = tmp_path / "themes"
    folder.mkdir()
    (folder / f"{name}.toml").write_text(text)
    return folder


def test_a_theme_file_changes_what_it_names(tmp_path: Path) -> None:
    made = user_themes.load(folder_with(tmp_path, GOOD), "mine")
    light = themes.theme(themes.LIGHT)
    assert (made.background, made.surface, made.success) == ("#fffff4", "#fffff4", "darkgreen")
    assert (made.error, made.dark, made.panel) == (light.error, False, light.panel)
    assert made.variables["block-cursor-background"] == "#dddddd"
    assert user_themes.complaint(made) == ""


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("colors = 3", "Theme mine.toml: colors: write a table of colours, [colors]."),
        ('base = "16"', "Theme mine.toml: base: write one of dark, light, high-contrast."),
        ("base = 7", "Theme mine.toml: base: write one of dark, light, high-contrast."),
        ("base = [1]", "Theme mine.toml: base: write one of dark, light, high-contrast."),
        ('[colours]\nok = "red"', "Theme mine.toml: colours: unknown. Did you mean 'colors'?"),
        ('[colors]\nokay = "red"', "Theme mine.toml: colors.okay: unknown. Did you mean 'ok'?"),
        ('[colors]\nok = "grene"', "Theme mine.toml: colors.ok: not a colour. Write one like #74d6a4."),
        ("[colors]\nok = 12", "Theme mine.toml: colors.ok: not a colour. Write one like #74d6a4."),
        ('[colors]\nok = "ansi_red"', "Theme mine.toml: colors.ok: not a colour. Write one like #74d6a4."),
        ('[colors]\nok = "#12345678"', "Theme mine.toml: colors.ok: not a colour. Write one like #74d6a4."),
        ("[colors", "Theme mine.toml: "),
        ("\x00", "Theme mine.toml: "),
    ],
)
def test_what_is_wrong_with_a_theme_file_is_one_sentence(text: str, wrong: str, tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        user_themes.load(folder_with(tmp_path, text), "mine")
    assert refused.value.sentence.startswith(wrong)
    assert "\n" not in refused.value.sentence


@pytest.mark.parametrize("name", ["lihgt", "../config", "none at all"])
def test_a_theme_without_a_file_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(GOOD)
    with pytest.raises(Refused, match=rf"^Theme '{re.escape(name)}' not found"):
        user_themes.load(folder_with(tmp_path, GOOD), name)


@pytest.mark.parametrize(
    ("text", "said", "shown"),
    [
        (GOOD, [], "kvmtui-own-mine"),
        (
            "[colors]\nok = 12",
            ["Theme mine.toml: colors.ok: not a colour. Write one like #74d6a4."],
            themes.DARK,
        ),
        (
            '[colors]\nmuted = "#555555"',
            ["Theme mine is hard to read: muted on background 2.4 and 3 more; 4.5 is enough."],
            "kvmtui-own-mine",
        ),
    ],
)
async def test_the_console_starts_with_any_theme_file(
    text: str, said: list[str], shown: str, tmp_path: Path, sqlite_store: Store
) -> None:
    appearance = themes.choose("mine", environ={})
    app = console(appearance=appearance, theme_folder=folder_with(tmp_path, text), read_only=True)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        notices = [each.message for each in app._notifications]
        assert (notices or [getattr(app.screen, "_words", "")]) == (said or [""])
        assert app.theme == shown


async def test_the_theme_of_a_file_can_be_chosen(tmp_path: Path, sqlite_store: Store) -> None:
    app = console(theme_folder=folder_with(tmp_path, GOOD), read_only=True)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        app.do_theme()
        await pilot.pause(0.1)
        await pilot.press("end", "enter")
        await settle(pilot)
        assert app.theme == "kvmtui-own-mine"
