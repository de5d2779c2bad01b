"""Redaction: by value, by name, by header; one never hides a secret from another; many cost little."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest

from engine import redact
from engine.redact import RedactingFilter


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(redact, "_values", {})
    yield


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("nothing here", "nothing here"),
        ("", ""),
        ("a s3cret-value b", "a *** b"),
        ("s3cret-values3cret-value", "***"),
        ("url?x=a%2Fb%20c&y", "url?x=***&y"),
        ("form a%2Fb+c end", "form *** end"),
        ("password=open sesame", "password=*** sesame"),
        ('{"api_key": "abc", "port": 1}', '{"api_key": ***, "port": 1}'),
        ("{'password': 'canary', 'port': 1}", "{'password': ***, 'port': 1}"),
        ("Authorization: PVEAPIToken=a@pam!b=uuid-1", "Authorization: ***"),
        ("sent PVEAPIToken=a@pam!b=uuid-1; ok", "sent PVEAPIToken=***; ok"),
        ("Bearer abcdef next", "Bearer *** next"),
        ("token_id=root@pam!x", "token_id=root@pam!x"),
        (
            "--- ResetPassword: service=5546 vm=1 status=stop_vm ---",
            "--- ResetPassword: service=5546 vm=1 status=stop_vm ---",
        ),
        ("ResetPassword: service", "ResetPassword: ***"),
    ],
)
def test_secrets_are_masked_and_nothing_else(text: str, masked: str) -> None:
    redact.register("s3cret-value")
    redact.register("a/b c")
    assert redact.redact(text) == masked


def test_a_value_with_a_blank_is_masked_whole_after_its_name() -> None:
    redact.register("open sesame")
    assert redact.redact("password=open sesame, port=1") == "password=***, port=1"


def test_a_secret_inside_a_name_does_not_hide_the_name() -> None:
    redact.register("word")
    assert "canary" not in redact.redact("{'password': 'canary', 'port': 8006}")


def test_of_two_secrets_the_longer_is_masked() -> None:
    redact.register("abcd")
    redact.register("abcd-efgh")
    redact.register("d-efgh-ij")
    assert redact.redact("x abcd-efgh-ij y abcd z") == "x *** y *** z"


def test_short_values_do_not_blank_out_words() -> None:
    redact.register("the")
    assert redact.redact("the theatre") == "the theatre"


def test_twenty_thousand_secrets_are_registered_and_looked_for_in_no_time() -> None:
    """A pattern of them all, made anew for each, would take minutes."""
    begun = time.process_time()
    for number in range(20_000):
        redact.register(f"{number:05d}-generated-password")
    assert redact.redact("of 00042-generated-password and 19999-generated-password") == "of *** and ***"
    assert time.process_time() - begun < 10


def test_the_filter_masks_arguments_and_traceback() -> None:
    redact.register("s3cret-value")
    try:
        raise ValueError("it was s3cret-value")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "got %s", ("s3cret-value",), info)
    assert RedactingFilter().filter(record)
    text = logging.Formatter("%(message)s").format(record)
    assert text.startswith("got ***")
    assert "Traceback" in text
    assert "s3cret" not in text.replace('raise ValueError("it was s3cret-value")', "")
