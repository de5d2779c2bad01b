"""Every link of the documentation leads to a file and a heading that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, prose

PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
_BY_NAME = re.compile(r"""(pipx?|tool) install +(-\S+ +)*["']?kvmtui\b""")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.M)


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = _HEADING.findall(prose(page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def _broken(page: Path) -> list[str]:
    found = []
    for link in _LINK.findall(prose(page.read_text(encoding="utf-8"))):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    assert _broken(page) == []


def test_every_page_can_be_found_from_the_index() -> None:
    """Following links from docs/README.md reaches every page."""
    seen: set[Path] = set()
    todo = [ROOT / "docs" / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        links = _LINK.findall(prose(page.read_text(encoding="utf-8")))
        todo += [
            (page.parent / each.partition("#")[0]).resolve()
            for each in links
            if "://" not in each and each[0] != "#"
        ]
        todo = [each for each in todo if each.exists()]
    assert {path for path in PAGES if "docs" in path.parts[len(ROOT.parts) :]} - seen == set()


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Here\n[a](#here) [b](#there) [c](gone.md) [d](page.md#here) [e](https://example.com/x)\n"
    )
    assert _broken(page) == ["#there", "gone.md"]


def test_what_is_installed_exists() -> None:
    """kvmtui is installed from a checkout or a tag: no index has it under its name."""
    code = [path for folder in ("engine", "kvmtui", "screens") for path in (ROOT / folder).rglob("*.py")]
    by_name = {
        path.relative_to(ROOT).as_posix()
        for path in [*PAGES, *code]
        if _BY_NAME.search(path.read_text(encoding="utf-8"))
    }
    assert by_name == set()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "pipx install . " in readme and "uv tool install ." in readme


def test_an_install_by_name_is_found() -> None:
    for line in ("pip install kvmtui", "pipx install 'kvmtui[lab]'", "uv tool install kvmtui==1.0"):
        assert _BY_NAME.search(line), line
    assert not _BY_NAME.search("pip install '.[lab]'")
