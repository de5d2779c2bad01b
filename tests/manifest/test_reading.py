"""The parser: what it reads, where it finds it, and what it refuses quickly."""

from __future__ import annotations

import time

import pytest

from kvmtui.manifest import reading


def test_scalars_follow_yaml_1_2() -> None:
    document, faults = reading.parse(
        b"a: no\nb: 0777\nc: 2001-01-01\nd: true\ne: 1.5\nf: '1'\ng: 10:20\nh: ~\ni: 0x1f\n"
    )
    assert document == {
        "a": "no",
        "b": 777,
        "c": "2001-01-01",
        "d": True,
        "e": 1.5,
        "f": "1",
        "g": "10:20",
        "i": 31,
    }
    assert faults == []


def test_every_value_has_its_line() -> None:
    document, _ = reading.parse(b"a:\n  - x: 1\n    y: {z: 2}\n\n  - 7\nb:\n")
    assert reading.line_of(document, ("a", 0, "x")) == 2
    assert reading.line_of(document, ("a", 0, "y", "z")) == 3
    assert reading.line_of(document, ("a", 1)) == 5
    assert reading.line_of(document, ("b",)) == 6
    assert reading.line_of(document, ("a", 0, "missing", "deep")) == 2


def test_a_key_given_twice_is_a_fault_with_both_lines() -> None:
    document, faults = reading.parse(b"a: 1\nb: 2\na: 3\n")
    assert document == {"a": 1, "b": 2}
    assert [(fault.line, fault.sentence) for fault in faults] == [
        (3, "the key 'a' is given twice, first on line 1.")
    ]


def test_aliases_and_merges_are_taken() -> None:
    document, _ = reading.parse(b"x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: *x\n")
    assert document["y"] == {"a": 1, "b": 3}
    assert document["z"] == {"a": 1, "b": 2}


LAUGHS = b"a: &a [x,x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 10)) for n in range(10)
)
HOSTILE = {
    "deep lists": (b"[" * 400_000, "nested"),
    "deep mappings": (b"{a: " * 400_000, "nested"),
    "deep dashes": (b"- " * 2_000_000, "nested"),
    "deep questions": (b"? " * 2_000_000, "nested"),
    "a flood of entries": (b"[" + b"a," * 7_000_000 + b"]", "entries"),
    "a flood of lines": (b"- a\n" * 3_000_000, "entries"),
    "billion laughs": (LAUGHS, "aliases stand for"),
    "a flood of anchors": (b"".join(b"- &a%d x\n" % n for n in range(200_000)), "anchors"),
    "an alias inside itself": (b"a: &a [*a]", "inside"),
    "an unknown alias": (b"a: *b", "no anchor"),
    "a python object": (b"a: !!python/object/apply:os.system [id]", "tag"),
    "a second document": (b"a: 1\n---\nb: 2\n", "second document"),
    "a NUL": (b"a: \x00", "control character"),
    "an escape": (b"a: \x1b[2J", "control character"),
    "not UTF-8": (b"a: 1\nb: \xff", "UTF-8"),
    "no YAML": (b"a: [1, 2\nb: }", "not YAML"),
    "a list as key": (b"? [a]\n: b\n", "key"),
    "tabs": (b"\t" * 5_000_000, "not YAML"),
    "a merged list": (b"a: {<<: [1]}", "mapping"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_quickly(name: str) -> None:
    raw, word = HOSTILE[name]
    began = time.process_time()
    with pytest.raises(reading.BadFile, match=word) as refused:
        reading.parse(raw)
    assert refused.value.line >= 1
    assert time.process_time() - began < 1.0
