"""A database is brought to this program's schema once, and only a database that is ours."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import pytest
from peewee import PostgresqlDatabase, SqliteDatabase

from engine.errors import Refused
from engine.store.database import close_database, database, is_postgres, open_database, session
from engine.store.migrate import DIRECTORY, HISTORY, is_current, migrate
from engine.store.models import TABLES, Client, DnsRecord, Zone
from engine.store.schema import statements


def test_an_empty_database_gets_every_table_once(empty_url: str) -> None:
    open_database(empty_url)
    assert not is_current()
    assert migrate() == sorted(path.stem for path in DIRECTORY.glob("[0-9]*.py"))
    assert is_current()
    assert migrate() == []
    with session():
        assert {table._meta.table_name for table in TABLES} < set(database.get_tables())
        Client.create(name="Acme")


def test_migrating_gives_the_schema_of_the_models(empty_url: str, tmp_path: Path) -> None:
    open_database(empty_url)
    migrate()
    migrated = _catalogue()
    with session():
        for table in reversed(database.get_tables()):
            database.execute_sql(f'DROP TABLE "{table}"' + (" CASCADE" if is_postgres() else ""))
        if is_postgres():
            database.execute_sql('DROP FUNCTION "audit_append_only"')
        for statement in statements(database.obj):
            database.execute_sql(statement)
    modelled = _catalogue()
    assert len(migrated) > 200
    assert migrated == modelled


def test_landed_migrations_are_frozen() -> None:
    digests = {
        "0001_initial.sqlite.sql": "96b88e2e5d840ec3c3fdd44976efee35819797712c4a71b94b9c41fd2a4f83e2",
        "0001_initial.postgresql.sql": "8ce098422c9abd8b51a856c3ba3a6b9329c2b45f87746cf415dc1083d2b4f98f",
    }
    for name, digest in digests.items():
        assert hashlib.sha256((DIRECTORY / name).read_bytes()).hexdigest() == digest, f"{name} was changed"


def test_pending_dns_changes_of_an_older_database_are_due_at_once(
    empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_database(empty_url)
    older = tmp_path / "migrations"
    older.mkdir()
    for source in DIRECTORY.glob("0001*.*"):
        (older / source.name).write_bytes(source.read_bytes())
    with monkeypatch.context() as patch:
        patch.setattr("engine.store.migrate.DIRECTORY", older)
        migrate()
    with session():
        database.execute_sql(
            "INSERT INTO zone (id, uid, name, type, endpoint, config, secrets, ttl, last_error, created_at) "
            "VALUES (7, 'z', 'example.com', 'powerdns', 'http://x', '{}', '{}', 300, '', 0)"
        )
        rows = (("a", "written", "12"), ("b", "owed", ""), ("c", "owed", "sent"), ("d", "doomed", ""))
        for name, state, provider_id in (*rows, ("e", "conflict", "")):
            database.execute_sql(
                "INSERT INTO dns_record (zone_id, name, type, content, ttl, provider_id, state, error, updated_at) "
                f"VALUES (7, '{name}', 'A', '192.0.2.1', 300, '{provider_id}', '{state}', 'why', 5)"
            )
    assert "0003_dns_queue" in migrate()
    with session():
        found = {
            row.name: (row.state, row.claimed, row.provider_id, row.due_at, row.error)
            for row in DnsRecord.select()
        }
        assert Zone.get().name == "example.com"
        Zone.create(uid="new", name="example.org", type="any-provider", endpoint="x")
    assert found == {
        "a": ("written", True, "12", None, "why"),
        "b": ("pending", False, "", 0, "why"),
        "c": ("pending", True, "", 0, "why"),
        "d": ("deleting", True, "", 0, "why"),
        "e": ("conflict", False, "", 0, "why"),
    }


def _catalogue() -> set[tuple[object, ...]]:
    """Columns, constraints, indexes and triggers as the database itself describes them."""
    with session():
        queries = _POSTGRES_CATALOGUE if is_postgres() else _SQLITE_CATALOGUE
        return {
            row for query in queries for row in database.execute_sql(query).fetchall() if HISTORY not in row
        }


_SQLITE_CATALOGUE = (
    "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'",
    'SELECT m.name, c.name, c.type, c."notnull", c.dflt_value, c.pk FROM sqlite_master m, '
    "pragma_table_info(m.name) c WHERE m.type = 'table'",
    'SELECT m.name, f."table", f."from", f."to", f.on_delete FROM sqlite_master m, '
    "pragma_foreign_key_list(m.name) f WHERE m.type = 'table'",
)
_POSTGRES_CATALOGUE = (
    "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns "
    "WHERE table_schema = 'public'",
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace",
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
)


def test_eight_starts_at_once_migrate_once(empty_url: str) -> None:
    open_database(empty_url)
    gate = threading.Barrier(8)
    ran: list[list[str]] = []
    faults: list[BaseException] = []

    def start() -> None:
        gate.wait()
        try:
            ran.append(migrate())
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert sum(bool(names) for names in ran) == 1
    assert is_current()


def test_a_newer_schema_is_refused_and_left_alone(empty_url: str) -> None:
    open_database(empty_url)
    migrate()
    with session():
        database.execute_sql(f"INSERT INTO {HISTORY} (name, applied) VALUES ('9999_later', '2030-01-01')")
    with pytest.raises(Refused, match=r"newer kvmtui.*9999_later"):
        migrate()
    with pytest.raises(Refused, match="newer kvmtui"):
        is_current()


def test_a_database_of_another_program_is_refused_and_left_alone(empty_url: str) -> None:
    open_database(empty_url)
    with session():
        database.execute_sql("CREATE TABLE wp_posts (id INTEGER)")
    with pytest.raises(Refused, match=r"belongs to another program.*wp_posts"):
        migrate()
    with session():
        assert database.get_tables() == ["wp_posts"]


def test_a_migration_that_fails_leaves_nothing(
    empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "migrations"
    broken.mkdir()
    for source in DIRECTORY.glob("0*.*"):
        (broken / source.name).write_bytes(source.read_bytes())
    (broken / "0999_broken.py").write_text(
        "def up(migrator, db):\n"
        "    db.execute_sql('CREATE TABLE half (id INTEGER)')\n"
        "    db.execute_sql('SELECT nonsense FROM nowhere')\n"
    )
    monkeypatch.setattr("engine.store.migrate.DIRECTORY", broken)
    open_database(empty_url)
    with pytest.raises(Exception, match="nowhere"):
        migrate()
    with session():
        assert database.get_tables() == []


def test_every_statement_runs_in_an_unpooled_database_too() -> None:
    plain = SqliteDatabase(":memory:")
    for statement in statements(plain):
        plain.execute_sql(statement)
    assert len(plain.get_tables()) == len(TABLES)
    plain.close()
    assert statements(PostgresqlDatabase("none")) != statements(SqliteDatabase(None))
    close_database()
