"""What the folders of the billing modules hold: code for PHP 7.4, one client, licences, texts, instructions."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.contrib.hosts import CONTRIB, HARNESS, php

WHMCS = CONTRIB / "whmcs" / "modules" / "servers" / "kvmtui"
SHARED = (
    WHMCS / "lib" / "shared",
    CONTRIB / "fossbilling" / "library" / "Server" / "Kvmtui" / "shared",
    CONTRIB / "paymenter" / "Kvmtui" / "lib" / "shared",
)
HOSTS = ("whmcs", "fossbilling", "paymenter")
NEWER = {
    "match ($x) { 1 => 2 };": "match",
    "$x?->y();": "nullsafe_object_operator",
    "#[Pure]\nfunction f() {}": "attribute",
    "enum Suit { case A; }": "enum",
    "class A { readonly string $x; }": "readonly",
    "str_contains($a, $b);": "function str_contains",
    "f(name: 1);": "named argument",
    "$x = $y ?? throw new Error();": "throw as an expression",
    "$x::class;": "::class of an object",
    "strlen(...);": "first-class callable",
    "$x = 0o17;": "octal",
    "try { f(); } catch (Error) { }": "catch without",
    "function f($a,) {}": "comma after",
    "function f(int|string $a) {}": "parameter type |",
    "function f(mixed $a) {}": "parameter type mixed",
    "function f(): static {}": "return type static",
    "function f(): int|string {}": "return type |",
    "function f(): never {}": "return type never",
    "class A { function __construct(private $a) {} }": "parameter that is a property",
    "class A { private int|string $a; }": "property type",
    "function f($a = new A()) {}": "new in a default",
    "class A { final public const X = 1; }": "final constant",
    "$x = new WeakMap();": "class WeakMap",
}
OLDER = """
namespace A;
use B\\C;
final class D extends C implements E
{
    const X = 1;
    private ?string $typed = null;
    public static function f(?array $a = [], ...$rest): ?self
    {
        try {
            return fn ($x) => $x ?? $a['b']['c'] ?: static::X;
        } catch (\\Exception | \\Error $error) {
            throw new \\RuntimeException($a ? 'x' : B, 0 | 1, $error);
        }
        return array_map(function ($x) use ($a): int { return $x | 2; }, $a,);
    }
}
"""


def sources() -> list[Path]:
    """Every PHP file of the modules."""
    return sorted(path for host in HOSTS for path in (CONTRIB / host).rglob("*.php"))


def test_php_accepts_every_file() -> None:
    program = php()
    code = [path for path in sources() if "lang" not in path.parts]  # those are data, and parsed below
    for path in [*code, *HARNESS.glob("*.php")]:
        ran = subprocess.run([program, "-n", "-l", str(path)], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def newer(*files: str, pieces: Sequence[str] = ()) -> str:
    """What the compatibility check finds in files, or in pieces of code."""
    command = [php(), "-d", "display_errors=stderr", str(HARNESS / "compat.php"), *files]
    given = json.dumps([f"<?php {piece}" for piece in pieces])
    ran = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert not ran.stderr, ran.stderr
    return ran.stdout


def test_no_file_needs_more_than_php_7_4() -> None:
    assert newer(*(str(path) for path in sources())) == ""


def test_the_compatibility_check_finds_what_is_newer_and_only_that() -> None:
    found = json.loads(newer("-", pieces=[*NEWER, OLDER]))
    missed = [code for code, faults in zip(NEWER, found, strict=False) if NEWER[code] not in " ".join(faults)]
    assert missed == [] and found[-1] == []


def test_the_copies_of_the_client_are_identical() -> None:
    first, *others = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in SHARED)
    assert set(first) == {"Client.php", "Attempts.php", "Options.php", "Shop.php"}
    assert all(other == first for other in others)


def test_files_are_short_and_need_only_curl_and_json() -> None:
    unwanted = re.compile(r"\b(mb_\w+|iconv\w*|simplexml\w*|eval|exec|shell_exec|unserialize)\s*\(")
    for path in sources():
        text = path.read_text()
        assert len(text.splitlines()) <= 400, path
        assert not unwanted.search(text), path


@pytest.mark.parametrize("host", HOSTS)
def test_each_module_may_be_shipped_by_shops(host: str) -> None:
    text = (CONTRIB / host / "LICENSE").read_text()
    assert text.startswith("MIT License") and "WITHOUT WARRANTY OF ANY KIND" in text


def texts(path: Path) -> set[str]:
    return set(re.findall(r"^(?:\$_LANG\[|    )'(\w+)'", path.read_text(), re.M))


def test_every_language_has_every_text() -> None:
    whmcs = {path.stem: texts(path) for path in (WHMCS / "lang").glob("*.php")}
    assert len(whmcs) == 25 and len(whmcs["english"]) == 19
    assert {name for name, found in whmcs.items() if found != whmcs["english"]} == set()
    codes = {
        path.parent.name: texts(path) for path in (CONTRIB / "paymenter" / "Kvmtui" / "lang").rglob("*.php")
    }
    mails = {path.stem for path in (CONTRIB.parent / "engine" / "mail" / "languages").glob("*.toml")}
    assert set(codes) == mails and all(found == {"manage", "unavailable"} for found in codes.values())


def test_every_text_the_whmcs_module_asks_for_exists() -> None:
    known = texts(WHMCS / "lang" / "english.php")
    code = "".join(path.read_text() for path in WHMCS.rglob("*.php") if path.parent.name != "lang")
    template = (WHMCS / "templates" / "overview.tpl").read_text()
    asked = set(re.findall(r"(?:Host|self)::text\('(\w+)'\)", code)) | set(
        re.findall(r"\$lang\.(\w+)", template)
    )
    state = code.partition("function state(")[2].partition("function accounts(")[0]
    returned = "".join(line for line in state.splitlines() if "return " in line)
    states = set(re.findall(r"(?:return|[?:]) '(\w+)'", returned))
    assert len(asked) > 8 and asked | {f"state_{each}" for each in states} <= known
    texts_of_states = {each.removeprefix("state_") for each in known if each.startswith("state_")}
    assert states == texts_of_states - {"running", "stopped"}
    for value in re.findall(r"\{(\$[^}]+)\}", template):
        assert "|escape" in value, f"{value} is not escaped"


def test_the_instructions_explain_every_field_and_function() -> None:
    readme = (CONTRIB / "whmcs" / "README.md").read_text()
    host = (WHMCS / "lib" / "Host.php").read_text()
    overrides = re.findall(r"^        \['\w+', '([^']+)'", host, re.M)
    functions = re.findall(r"^function kvmtui_(\w+)", (WHMCS / "kvmtui.php").read_text(), re.M)
    assert len(overrides) == 18 and len(functions) > 25
    assert [name for name in [*overrides, *functions] if name not in readme] == []
    for host_name, file in (
        ("fossbilling", CONTRIB / "fossbilling/library/Server/Manager/Kvmtui.php"),
        ("paymenter", CONTRIB / "paymenter/Kvmtui/Kvmtui.php"),
    ):
        readme, code = (CONTRIB / host_name / "README.md").read_text(), file.read_text()
        asked = re.findall(r"'label' => '([^']+)'", code) + re.findall(
            r"public (?:static )?function (\w+)", code
        )
        assert [name for name in asked if name not in readme and name not in ("boot", "init")] == []
