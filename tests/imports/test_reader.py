"""The reader of SQL dumps: values are read as written, however the file arrives; hostile files are refused quickly."""

from __future__ import annotations

import gzip
import io
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Refused
from engine.imports import tokens
from engine.imports.files import looks_like_sql, opened
from engine.imports.sheets import read_csv, read_folder
from engine.imports.sql import _Reader, read_sql
from engine.imports.tables import DumpTable, is_open, is_secret
from engine.imports.tokens import SqlTokens


def every(name: str) -> bool:
    return "skipped" not in name


def read(text: str | bytes, chunk: int = tokens.CHUNK) -> list[DumpTable]:
    raw = text.encode() if isinstance(text, str) else text
    return _Reader(SqlTokens(io.BytesIO(raw), chunk), every, is_open).tables()


def written(value: str | None) -> str:
    """A value as mysqldump writes it."""
    if value is None:
        return "NULL"
    escapes = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\x1a": "\\Z", '"': '\\"'}
    return "'" + "".join(escapes.get(letter, letter) for letter in value) + "'"


VALUES = st.none() | st.text(
    alphabet=st.one_of(st.sampled_from("'\"\\`(),;ab -#/*\n\r\0\x1aNUL0x"), st.characters(codec="utf-8")),
    max_size=12,
)
ROWS = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(VALUES, min_size=width, max_size=width), min_size=1, max_size=5)
)


@settings(max_examples=200, deadline=None)
@given(rows=ROWS, other=ROWS, chunk=st.integers(1, 40), stretched=st.booleans())
def test_any_row_is_read_back_however_the_file_arrives(
    rows: list[list[str | None]], other: list[list[str | None]], chunk: int, stretched: bool
) -> None:
    columns = [f"c{place}" for place in range(len(rows[0]))]
    tuples = [f"({','.join(map(written, row))})" for row in rows]
    skipped = ",".join(f"({','.join(map(written, row))})" for row in other)
    between = "),\n(" if stretched else "),("
    dump = (
        f"-- MySQL dump; don't stop\n/*!40101 SET NAMES utf8mb4 */;\nINSERT INTO `skipped` VALUES {skipped};\n"
        f"CREATE TABLE `t` ({', '.join(f'`{name}` text' for name in columns)}, PRIMARY KEY (`c0`)) COMMENT='a;b';\n"
        "/*!40000 ALTER TABLE `t` DISABLE KEYS */;\nINSERT INTO `t` VALUES "
        f"({between.join(each[1:-1] for each in tuples)});"
    )
    [table] = read(dump, chunk)
    assert table.columns == tuple(columns)
    assert [line.values for line in table.lines] == [tuple(value or "" for value in row) for row in rows]
    first = dump[: dump.index("INSERT INTO `t`")].count("\n") + 1
    assert table.lines[0].number == first


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="'\"\\`(),;aINSERTO VALUES\n-#/*t", max_size=80), st.integers(1, 20))
def test_any_text_is_read_or_refused_and_the_same_in_small_pieces(text: str, chunk: int) -> None:
    def outcome(size: int) -> object:
        try:
            return [(table.name, table.columns, table.lines) for table in read(text, size)]
        except Refused as refused:
            assert refused.sentence.startswith("line ")
            return refused.sentence

    assert outcome(chunk) == outcome(tokens.CHUNK)


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("0xE29C93", "✓"),
        ("_binary 'a\\0b'", "a\0b"),
        ("_utf8mb4'x'", "x"),
        ("X'616263'", "abc"),
        ("-12.50", "-12.50"),
        ("'it''s'", "it's"),
        ('"say \\"hi\\""', 'say "hi"'),
        ("'100\\%'", "100\\%"),
        ("null", ""),
        ("NOW()", ""),
        ("'O\\'Brien, (Ltd); -- x'", "O'Brien, (Ltd); -- x"),
        ("'🙂'", "🙂"),
        ("/* c */ 7", "7"),
    ],
)
def test_forms_a_value_can_have(value: str, meant: str) -> None:
    for chunk in (3, tokens.CHUNK):
        [table] = read(f"INSERT INTO t (a,b,c) VALUES (1,{value},'end');", chunk)
        assert table.lines[0].values == ("1", meant, "end")


def test_the_character_set_of_the_dump() -> None:
    [table] = read(b"/*!40101 SET NAMES latin1 */;\nINSERT INTO t (a) VALUES ('M\xfcller');")
    assert table.lines[0].values == ("Müller",)
    with pytest.raises(Refused, match=r"character set gbk\. Dump with --default-character-set=utf8mb4"):
        read("/*!40101 SET NAMES gbk */;")


def test_secrets_are_not_read() -> None:
    dump = (
        "INSERT INTO tblservers (id,name,password,accesshash,api_key,novnc_key) VALUES (1,'pve','p1','h','k','n');"
        "INSERT INTO passports (id,keyboard) VALUES (1,'qwerty');"
    )
    servers, passports = read(dump)
    assert servers.lines[0].values == ("1", "pve", "", "", "", "")
    assert passports.lines[0].values == ("1", "qwerty")
    assert read_csv("id,password\n1,geheim\n", "t").lines[0].values == ("1", "")
    assert all(map(is_secret, ("License key", "api_token", "noVNC key", "securityqans", "licence")))
    assert not any(map(is_secret, ("bridge", "passport_nr", "monkey", "vm_id")))


def test_a_packed_dump_and_one_that_is_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "dump.sql.gz"
    file.write_bytes(gzip.compress(b"INSERT INTO t (a) VALUES (1);\n" * 5000))
    assert looks_like_sql(file)
    with opened(file) as stream:
        assert len(read_sql(stream, every)[0].lines) == 5000
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(Refused, match="cannot be unpacked"), opened(file) as stream:
        read_sql(stream, every)
    file.write_bytes(b"\x28\xb5\x2f\xfd rest")
    with pytest.raises(Refused, match=r"compressed with zstd\. Unpack it"), opened(file):
        pass


def test_a_folder_of_sheets(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("\ufeffid;name\n1;Ä\n")
    (tmp_path / "two.tsv").write_text("id\tname\tmore\n2\tNULL\t\\N\n")
    (tmp_path / "skipped.csv").write_text("x")
    found = read_folder(tmp_path, every, is_open)
    assert [(table.name, table.lines[0].values) for table in found] == [
        ("one", ("1", "Ä")),
        ("two", ("2", "", "")),
    ]
    (tmp_path / "two.tsv").write_text("id\tname\n2\n")
    with pytest.raises(Refused, match=r"two\.tsv: line 2: the row has 1 values for the 2 columns"):
        read_folder(tmp_path, every, is_open)
    with pytest.raises(Refused, match="is not a folder"):
        read_folder(tmp_path / "one.csv", every, is_open)
    with pytest.raises(Refused, match="no CSV file of a table"):
        read_folder(tmp_path, lambda name: False, is_open)


@pytest.mark.parametrize(
    "hostile",
    [
        "'" + "\\'" * 100_000,
        "'" + "''" * 100_000,
        "(" * 200_000,
        "/*" * 100_000,
        "/*a" * 50_000,
        "--" * 100_000,
        "`" * 200_001,
    ],
    ids=["escapes", "quotes", "brackets", "comments", "open comments", "dashes", "names"],
)
def test_hostile_text_is_read_once(hostile: str) -> None:
    """Each of these would keep a pattern that goes back busy for hours, or overflow a recursive reader."""
    begun = time.process_time()
    for before in ("INSERT INTO skipped VALUES ", "INSERT INTO t (a) VALUES (", "CREATE TABLE t ("):
        try:
            read(before + hostile, 1000)
        except Refused:
            continue
    assert time.process_time() - begun < 20


@pytest.mark.parametrize(
    "begun", ["INSERT INTO skipped VALUES (1)\n", "INSERT INTO t (a) VALUES (1);\n", "\n"]
)
def test_a_comment_that_is_never_closed_is_refused_with_its_line(begun: str) -> None:
    with pytest.raises(Refused, match="line 2: a comment opens here and is never closed"):
        read(f"{begun}/* to the end 'of the file", 7)


def test_a_quote_that_is_never_closed_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "LONGEST", 4096)
    with pytest.raises(Refused, match="line 2: a value, name or comment is longer than"):
        read("INSERT INTO t (a) VALUES (1);\nINSERT INTO t (a) VALUES ('" + "x" * 50_000, 64)
