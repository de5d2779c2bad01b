"""export: what it writes makes the same site again."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.store.database import database, session
from engine.store.models import TABLES, Service, Vm
from kvmtui.manifest import exporting, reading
from tests import seeds
from tests.manifest.conftest import SITE

Put = Callable[..., Any]
KEPT = {"token_secret": "token-secret", "api_key": "pdns-secret", "api_token": "cloud-secret"}


def with_secrets(text: str) -> str:
    """The export with its secrets given."""

    def secret(found: re.Match[str]) -> str:
        return f"{found[1]}: {KEPT.get(found[1], found[1] + '-given')}"

    return re.sub(r"(\w+): __KEEP__", secret, text)


def empty() -> None:
    """Delete every object, as in an empty database."""
    with session():
        for table in reversed(TABLES):
            if table._meta.table_name not in ("keycheck", "audit", "migrationhistory"):
                database.execute_sql(f'DELETE FROM "{table._meta.table_name}"')


def test_an_export_applied_to_the_same_site_changes_nothing(put: Put) -> None:
    put(SITE)
    text = exporting.export()
    assert "secret" not in text.replace("token_secret: __KEEP__", "")
    assert text.count("__KEEP__") == 6
    assert put(text).changed == 0


def test_an_export_makes_the_same_site_from_nothing(put: Put) -> None:
    put(SITE)
    text = exporting.export()
    empty()
    assert exporting.export() != text
    put(with_secrets(text))
    assert exporting.export() == text


def test_services_that_ended_are_not_exported(put: Put) -> None:
    put(SITE)
    Vm.delete().execute()
    Service.update(status="Terminated").execute()
    assert "services:" not in exporting.export()


def test_the_file_is_private_and_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text("old")
    file.chmod(0o644)
    exporting.write(file, "new\n")
    assert file.read_text() == "new\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["site.yaml"]


texts = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp"), blacklist_characters="\ufeff\ufffe\uffff")
)
plain = st.one_of(
    texts, st.sampled_from(["no", "0777", "1e5", "0o17", "1.", "~", "<<", "=", "null", "0x1F", "12:30"])
)
values = st.recursive(
    st.one_of(plain, st.integers(-(10**17), 10**17), st.booleans()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(plain.filter(lambda key: key != "<<"), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=seeds.examples(80), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text("abcxyz_", min_size=1), values, min_size=1, max_size=4))
def test_what_is_written_reads_back_the_same(document: dict[str, Any]) -> None:
    text = yaml.dump(document, Dumper=exporting._Plain, sort_keys=False, allow_unicode=True)
    back, faults = reading.parse(text.encode())
    assert faults == []
    assert back == document


names = st.text(st.characters(whitelist_categories=("L", "N", "P", "S")), min_size=1, max_size=20)
clients = st.lists(
    st.fixed_dictionaries(
        {"name": names, "email": st.just("a@b.example"), "language": st.sampled_from(["en", "no", "pt-BR"])}
    ),
    max_size=4,
    unique_by=lambda client: client["name"],
)
options = st.dictionaries(
    st.sampled_from(["cores", "memory", "system_disk", "bandwidth", "ipv4", "backups"]),
    st.integers(16, 200),
    max_size=3,
)


@settings(
    max_examples=seeds.examples(8),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(clients=clients, options=options, template=st.one_of(st.integers(100, 10**6), st.just("debian-12")))
def test_any_site_survives_the_round(
    put: Put, clients: list[dict[str, Any]], options: dict[str, int], template: int | str
) -> None:
    empty()
    base, _ = reading.parse(SITE.encode())
    base["clients"] += clients
    base["products"][0]["template"] = template
    base["services"][0]["options"] = options
    put(yaml.dump(_builtin(base), Dumper=exporting._Plain, allow_unicode=True))
    text = exporting.export()
    assert put(text).changed == 0
    empty()
    put(with_secrets(text))
    assert exporting.export() == text


def _builtin(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _builtin(inner) for key, inner in value.items()}
    return [_builtin(inner) for inner in value] if isinstance(value, list) else value
