"""The configuration and manifest examples of the documentation are accepted by the program and by the schemas."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from engine.forms.faults import BadInput
from engine.store.models import Server
from kvmtui import config
from kvmtui.manifest import checking, reading
from screens.common.bindings import keymap
from screens.shell import user_themes
from tests.docs import blocks
from tests.docs.blocks import ROOT, Block

NOT_OURS = {"docs/lab.md", "docs/howto/monitor-with-prometheus.md"}
"""Pages whose YAML is not a manifest."""


def _found(kind: str) -> list[tuple[str, Block]]:
    return [
        (page.relative_to(ROOT).as_posix(), block)
        for page in blocks.pages()
        for block in blocks.blocks(page.read_text(encoding="utf-8"))
        if block.kind == kind
    ]


def _schema(name: str) -> Any:
    schema = json.loads((ROOT / "docs" / "reference" / name).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize(("page", "block"), _found("toml"), ids=lambda each: str(getattr(each, "line", each)))
def test_a_configuration_example_is_accepted(page: str, block: Block, home: Path) -> None:
    if block.body.startswith("# themes/"):
        (home / "own.toml").write_text(block.body)
        assert user_themes.complaint(user_themes.load(home, "own")) == "", f"{page}:{block.line}"
        return
    file = home / "config.toml"
    file.write_text(block.body)
    file.chmod(0o600)
    _, complaints = keymap(config.load({"KVMTUI_HOME": str(home)}).keymap)
    assert complaints == [], f"{page}:{block.line}"
    _schema("config.schema.json").validate(tomllib.loads(block.body))


@pytest.mark.parametrize(("page", "block"), _found("yaml"), ids=lambda each: str(getattr(each, "line", each)))
def test_a_manifest_example_is_accepted(
    page: str, block: Block, sqlite_store: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if page in NOT_OURS:
        return
    file = tmp_path / "site.yaml"
    file.write_text(block.body)
    monkeypatch.setattr("engine.forms.secret.read_secret", lambda text, folder: text)
    Server.create(uid="s1", name="pve-waw1", hosts=["192.0.2.250"])  # what some examples refer to
    assert checking.check(file).faults == [], f"{page}:{block.line}"
    _schema("manifest.schema.json").validate(reading.read(file)[0])


def test_the_schemas_refuse_what_the_program_refuses() -> None:
    manifest, settings = _schema("manifest.schema.json"), _schema("config.schema.json")
    for wrong in (
        {"servers": [{"name": "a"}]},
        {"pools": [{"server": "a", "colour": 1}]},
        {"services": [{"client": "a", "product": "b"}]},
        {"colour": 1},
        {"products": [{"name": "a", "server": "b", "template": 9000, "clone": "half"}]},
    ):
        assert not manifest.is_valid(wrong), wrong
    assert not settings.is_valid({"log_level": "LOUD"})
    assert not settings.is_valid({"console": {"ports": 1}})
    with pytest.raises(BadInput):
        checking.SECTIONS["servers"]({"name": "a"})


def test_an_export_satisfies_the_schema(everything_applied: str) -> None:
    """The largest example there is: what `kvmtui export` writes."""
    given = reading.parse(everything_applied.encode())[0]
    assert [error.message for error in _schema("manifest.schema.json").iter_errors(given)] == []


@pytest.fixture
def everything_applied(sqlite_store: object, tmp_path: Path) -> str:
    """The export of a site with every section."""
    from engine.audit import Actor
    from kvmtui.manifest.applying import apply
    from kvmtui.manifest.exporting import export
    from tests.manifest.conftest import SITE

    file = tmp_path / "site.yaml"
    file.write_text(SITE)
    apply(file, Actor("tester", "", "apply"))
    return export()
