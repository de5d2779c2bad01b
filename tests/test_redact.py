"""Redaction: by registered values in all their encodings, never by words; many values cost little."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import redact
from engine.redact import RedactingFilter

CHPASSWD = (
    "Agent error: child process has failed to set user password: "
    "failed to exec 'chpasswd': No such file or directory"
)


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
        ('json {"x": "q\\"uo\\\\te"}', 'json {"x": "***"}'),
        ("repr 'q\"uo\\\\te'", "repr '***'"),
        ("base64 czNjcmV0LXZhbHVl end", "base64 *** end"),
        ("on one line two parts end", "on one line *** end"),
        # words of others that only look as if a secret followed
        (CHPASSWD, CHPASSWD),
        ("cannot create token: permission denied", "cannot create token: permission denied"),
        ("password=open sesame", "password=open sesame"),
        ("ticket: expired; secret: none", "ticket: expired; secret: none"),
        ("Bearer of bad news", "Bearer of bad news"),
        (
            "--- ResetPassword: service=5546 vm=1 status=stop_vm ---",
            "--- ResetPassword: service=5546 vm=1 status=stop_vm ---",
        ),
    ],
)
def test_secrets_are_masked_and_nothing_else(text: str, masked: str) -> None:
    redact.register("s3cret-value")
    redact.register("a/b c")
    redact.register('q"uo\\te')
    redact.register("two\n  parts")
    assert redact.redact(text) == masked


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), min_size=4),
    st.text(),
    st.text(),
)
def test_a_registered_value_is_masked_wherever_it_stands(value: str, before: str, after: str) -> None:
    redact.register(value)
    for form in (value, json.dumps(value), quote(value, safe=""), quote_plus(value), urlencode({"x": value})):
        assert len(form.strip('"')) < 4 or form.strip('"') not in redact.redact(f"{before} {form} {after}")


def test_of_two_secrets_the_longer_is_masked() -> None:
    redact.register("abcd")
    redact.register("abcd-efgh")
    redact.register("d-efgh-ij")
    assert redact.redact("x abcd-efgh-ij y abcd z") == "x *** y *** z"


def test_short_values_do_not_blank_out_words() -> None:
    redact.register("the")
    assert redact.redact("the theatre") == "the theatre"


def test_twenty_thousand_secrets_are_registered_and_searched_quickly() -> None:
    """Compiling one pattern of all secrets for each would take minutes."""
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
