"""The configuration: where it is looked for, what wins, and a sentence for each fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import Refused
from kvmtui import config


def _load(home: Path, toml: str = "", **environment: str) -> config.Config:
    if toml:
        (home / "config.toml").write_text(toml)
    return config.load({"KVMTUI_HOME": str(home), **environment})


def test_a_home_holds_everything(home: Path) -> None:
    found = _load(home)
    assert found.database == f"sqlite://{home}/kvmtui.db"
    assert found.secret_key_file == home / "secret.key"
    assert found.log_file == home / "logs" / "kvmtui.log"
    assert (found.log_level, found.time_zone, found.low_bandwidth) == ("INFO", "UTC", False)


def test_without_a_home_the_platforms_folders_are_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("CONFIG", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    found = config.load({})
    assert found.database == f"sqlite://{tmp_path}/data/kvmtui/kvmtui.db"
    assert found.secret_key_file == tmp_path / "config" / "kvmtui" / "secret.key"
    assert found.log_file == tmp_path / "state" / "kvmtui" / "kvmtui.log"


def test_the_environment_wins_over_the_file(home: Path) -> None:
    toml = 'log_level = "debug"\ntheme = "nord"\nsecret_key_file = "keys/k"\ntime_zone = "Europe/Warsaw"\n'
    found = _load(home, toml + '[keymap]\nquit = "f10,q"\n')
    assert (found.log_level, found.theme, found.keymap) == ("DEBUG", "nord", {"quit": "f10,q"})
    assert found.secret_key_file == home / "keys" / "k"
    assert found.zone.key == "Europe/Warsaw"
    found = _load(home, KVMTUI_LOG_LEVEL="error", KVMTUI_SECRET_KEY_FILE="/k", KVMTUI_DB="sqlite:////x.db")
    assert (found.log_level, str(found.secret_key_file), found.database) == ("ERROR", "/k", "sqlite:////x.db")


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("log_levle = 1", "log_levle: unknown setting. Did you mean 'log_level'?"),
        ("zebra = 1", "zebra: unknown setting. The settings are database"),
        ("home = '/x'", "home: unknown setting"),
        ('log_level = "LOUD"', "log_level: must be one of 'DEBUG', 'INFO'"),
        ('time_zone = "Mars/Base"', "no time zone is named 'Mars/Base'"),
        ('time_zone = "../../etc/passwd"', "no time zone is named"),
        ("low_bandwidth = 'maybe'", "low_bandwidth: must be true or false."),
        ("[keymap]\nquit = 3", "keymap.quit: must be text; put it in quotes."),
        ("= broken", "it is not TOML"),
        (
            "[notify]\nquiet_hours = '22-7'",
            "'22-7' are not quiet hours; write them like 22:00-07:00",
        ),
        ("[notify]\ntime_zone = 'Mars/Base'", "notify.time_zone: no time zone is named 'Mars/Base'"),
        ("[notify.targets.ops]\nlevel = 'info'", "notify.targets.ops.url: is missing."),
        ("[notify.targets.ops]\nurl = 'ntfy'", "notify.targets.ops.url: this is not an Apprise URL"),
        (
            "[notify.targets.ops]\nurl = 'env:X'\nlevel = 'loud'",
            "targets.ops.level: must be one of 'info', 'warning'",
        ),
        ("[notify.targets.ops]\nurl = 'env:X'\nevents = []", "notify.targets.ops.events: unknown key."),
    ],
)
def test_each_fault_is_a_sentence_with_its_place(home: Path, toml: str, words: str) -> None:
    with pytest.raises(Refused) as reported:
        _load(home, toml)
    assert words in str(reported.value)
    assert str(home / "config.toml") in str(reported.value)


def test_a_bad_variable_is_named(home: Path) -> None:
    with pytest.raises(Refused, match=r"^KVMTUI_LOG_LEVEL: must be one of"):
        _load(home, KVMTUI_LOG_LEVEL="LOUD")


def test_a_file_with_a_password_must_be_private(home: Path) -> None:
    toml = 'database = "postgresql://me:hidden-word@host/db"\n'
    (home / "config.toml").write_text(toml)
    (home / "config.toml").chmod(0o644)
    with pytest.raises(Refused, match=r"open to others.*chmod 600"):
        _load(home)
    (home / "config.toml").chmod(0o600)
    assert "hidden-word" not in repr(_load(home))


def test_a_file_with_a_url_of_notifications_must_be_private(home: Path) -> None:
    file = home / "config.toml"
    file.write_text('[notify.targets.ops]\nurl = "ntfys://user:hidden-word@ntfy.example/topic"\n')
    file.chmod(0o644)
    with pytest.raises(Refused, match=r"open to others.*chmod 600"):
        _load(home)
    file.chmod(0o600)
    assert "hidden-word" not in repr(_load(home))
    file.write_text('[notify.targets.ops]\nurl = "file:ops.url"\nlevel = "critical"\n')
    file.chmod(0o644)  # it names where the secret is, and holds none
    assert _load(home).notify.targets["ops"].level == "critical"


def test_a_site_opens_private_and_closes(home: Path) -> None:
    home.chmod(0o755)  # a fresh folder of ours is closed before its first use
    config.open_site(_load(home))
    config.close_site()
    modes = {path.name: path.stat().st_mode & 0o777 for path in [home, *home.rglob("*")]}
    assert modes["kvmtui.db"] == modes["secret.key"] == modes["kvmtui.log"] == 0o600
    assert modes["home"] == modes["logs"] == 0o700
    home.chmod(0o755)
    with pytest.raises(Refused, match=f"run: chmod 700 {home}"):
        config.open_site(_load(home))


def test_a_shared_folder_is_never_taken_over(tmp_path: Path) -> None:
    shared = tmp_path / "tmp"
    shared.mkdir()
    shared.chmod(0o1777)
    with pytest.raises(Refused, match="KVMTUI_HOME is for kvmtui alone"):
        config.open_site(_load(shared))
    assert shared.stat().st_mode & 0o7777 == 0o1777
    assert list(shared.iterdir()) == []
