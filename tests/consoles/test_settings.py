"""Where links are served and which key leaves: what is accepted, and what is refused with a sentence."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from engine.checked import checked
from engine.consoles import console_options, novnc
from engine.consoles.console_options import ConsoleSettings
from engine.consoles.keys import control_key, key_name
from engine.errors import Failed, KvmtuiError, Refused
from kvmtui import config
from tests.conftest import Ran
from tests.consoles.conftest import SERVICE, ConsoleSite

Run = Callable[..., Ran]


@pytest.mark.parametrize(
    ("written", "byte", "name"),
    [
        ("ctrl+]", b"\x1d", "Ctrl+]"),
        ("^]", b"\x1d", "Ctrl+]"),
        ("Ctrl-A", b"\x01", "Ctrl+A"),
        ("C-x", b"\x18", "Ctrl+X"),
        (" ^\\ ", b"\x1c", "Ctrl+\\"),
        ("^_", b"\x1f", "Ctrl+_"),
    ],
)
def test_a_control_key_by_its_name(written: str, byte: bytes, name: str) -> None:
    assert control_key(written) == byte
    assert key_name(byte) == name


@pytest.mark.parametrize("written", ["", "a", "ctrl+", "ctrl+ab", "ctrl+1", "f1", "^m", "ctrl+j", "^[", "^@"])
def test_what_is_no_key_to_leave_with(written: str) -> None:
    with pytest.raises(Refused):
        control_key(written)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"address": "vnc.example.com"}, "is not an IP address"),
        ({"address": "0.0.0.0"}, "every address"),
        ({"address": "::"}, "every address"),
        ({"address": "192.0.2.5"}, "in clear"),
        ({"url": "http://vnc.example.com"}, "in clear"),
        ({"url": "https://vnc.example.com/path"}, "scheme, host and port alone"),
        ({"url": "https://user@vnc.example.com"}, "scheme, host and port alone"),
        ({"url": "javascript:alert(1)"}, "scheme, host and port alone"),
        ({"port": 70_000}, "65535"),
        ({"detach": "ctrl+m"}, "is Enter"),
        ({"adress": "127.0.0.1"}, "Unexpected keyword"),
    ],
)
def test_settings_that_are_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        checked(ConsoleSettings, given)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"address": "::1", "port": 5800},
        {"url": "http://localhost:5800"},
        {"address": "0.0.0.0", "url": "https://vnc.example.com"},
        {"address": "192.0.2.5", "insecure": True},
    ],
)
def test_settings_that_are_accepted(given: dict[str, object]) -> None:
    accepted = checked(ConsoleSettings, given)
    assert {name: getattr(accepted, name) for name in given} == given


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("127.0.0.2", "127.0.0.2", 5800),
        ("127.0.0.2:5901", "127.0.0.2", 5901),
        ("::1", "[::1]", 5800),
        ("[::1]", "[::1]", 5800),
        ("[::1]:5901", "[::1]", 5901),
    ],
)
def test_another_address_for_one_link(address: str, host: str, port: int) -> None:
    found = ConsoleSettings(port=5800, url="https://vnc.example.com").at(address)
    assert (found.host, found.port, found.url) == (host, port, "")


@pytest.mark.parametrize(
    "address", ["192.0.2.5", "0.0.0.0:5800", "localhost", "127.0.0.1:http", "127.0.0.1:99999"]
)
def test_an_address_that_is_no_place_for_a_link(address: str) -> None:
    with pytest.raises(Refused, match="Links cannot be served at"):
        ConsoleSettings().at(address)


def test_a_folder_of_your_own_is_meant_from_the_configuration(home: Path) -> None:
    (home / "config.toml").write_text('[console]\nnovnc = "mine"\n')
    assert config.load({"KVMTUI_HOME": str(home)}).console.novnc == home / "mine"


def test_it_is_searched_in_this_home_then_in_the_others(home: Path) -> None:
    try:
        console_options.use(ConsoleSettings(), home / "novnc", home / "other")
        assert console_options.novnc_folder() == home / "novnc"
        assert console_options.novnc_folders() == (home / "novnc", home / "other", Path("/usr/share/novnc"))
        console_options.use(ConsoleSettings(novnc=home / "mine"), home / "novnc")
        assert console_options.novnc_folders() == (home / "mine",)
    finally:
        console_options.use(ConsoleSettings(), Path())


def test_the_command_refuses_what_it_cannot_serve(site: ConsoleSite, kvmtui: Run) -> None:
    (site.home / "config.toml").write_text(f'[console]\nnovnc = "{site.home}/none"\n')
    missing = kvmtui("vm", "console", str(SERVICE), "--vnc")
    assert missing.exit == 2 and "--get-novnc" in missing.stderr and "apt install novnc" in missing.stderr
    outside = kvmtui("vm", "console", str(SERVICE), "--vnc", "--listen", "192.0.2.5")
    assert outside.exit == 2 and "in clear" in outside.stderr
    reading = kvmtui("--read-only", "vm", "console", str(SERVICE), "--vnc")
    assert reading.exit == 2 and "--read-only" in reading.stderr
    (site.home / "config.toml").write_text('[console]\naddress = "192.0.2.5"\n')
    wrong = kvmtui("vm", "list")
    assert wrong.exit == 2 and "in clear" in wrong.stderr
    assert site.trail() == []


class TestUnpacking:
    """A package is put in place whole, or not at all."""

    def packed(self, folder: Path, **files: str) -> tuple[Path, str]:
        package = folder / "package.tgz"
        with tarfile.open(package, "w:gz") as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content.encode()))
        return package, hashlib.sha512(package.read_bytes()).hexdigest()

    def test_only_scripts_and_licences(self, tmp_path: Path) -> None:
        package, known = self.packed(
            tmp_path,
            **{
                "package/core/rfb.js": "code",
                "package/core/util/int.js": "more",
                "package/vendor/pako/LICENSE": "MIT",
                "package/LICENSE.txt": "MPL",
                "package/package.json": "{}",
                "package/core/../../../evil.js": "evil",
                "/package/core/absolute.js": "evil",
            },
        )
        assert novnc.unpack(package, tmp_path / "novnc", known) == 4
        assert sorted(novnc.scripts([tmp_path / "novnc"])) == ["core/rfb.js", "core/util/int.js"]
        assert not list(tmp_path.rglob("evil.js")) and not list(tmp_path.rglob("absolute.js"))

    def test_another_package_is_not_used(self, tmp_path: Path) -> None:
        package, _ = self.packed(tmp_path, **{"package/core/rfb.js": "code"})
        with pytest.raises(Failed, match="SHA-512 differs"):
            novnc.unpack(package, tmp_path / "novnc")
        assert not (tmp_path / "novnc").exists()

    @pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b"])
    def test_a_broken_package_leaves_the_old_one(self, tmp_path: Path, content: bytes) -> None:
        package, known = self.packed(tmp_path, **{"package/core/rfb.js": "old"})
        novnc.unpack(package, tmp_path / "novnc", known)
        package.write_bytes(content)
        with pytest.raises(KvmtuiError, match="Nothing was put in place"):
            novnc.unpack(package, tmp_path / "novnc", hashlib.sha512(content).hexdigest())
        assert (tmp_path / "novnc/core/rfb.js").read_text() == "old"

    def test_a_newer_package_takes_the_place_of_the_old(self, tmp_path: Path) -> None:
        for content in ("old", "new"):
            package, known = self.packed(tmp_path, **{"package/core/rfb.js": content})
            novnc.unpack(package, tmp_path / "novnc", known)
        assert (tmp_path / "novnc/core/rfb.js").read_text() == "new"
        assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".novnc")] == []

    def test_a_link_out_of_the_folder_is_not_served(self, tmp_path: Path) -> None:
        (tmp_path / "novnc/core").mkdir(parents=True)
        (tmp_path / "novnc/core/rfb.js").write_text("code")
        (tmp_path / "secret.js").write_text("secret")
        (tmp_path / "novnc/core/out.js").symlink_to(tmp_path / "secret.js")
        assert list(novnc.scripts([tmp_path / "novnc"])) == ["core/rfb.js"]

    def test_without_npm_it_says_what_else_works(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(Refused, match="npm was not found"):
            novnc.fetch(tmp_path / "novnc")
