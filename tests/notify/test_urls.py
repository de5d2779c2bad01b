"""No secret of a URL is shown, whatever part of the URL contains it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import redact
from engine.errors import Refused
from engine.notify import urls

SECRETS = (
    "slack://kvmtui@T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops-alerts",
    "tgram://123456789:AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr/12315544",
    "mailtos://noc:Geh%40eim-9@smtp.example.com?to=ops@example.com&from=noc@example.com",
    "ntfys://user:p4w@ntfy.example.com/secret-topic-77?auth=token&token=tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2",
    "matrixs://noc:pw@matrix.example.com/#ops:matrix.example.com",
)


@pytest.mark.parametrize("url", SECRETS)
def test_only_the_scheme_is_shown_and_errors_hold_no_part_of_it(url: str) -> None:
    scheme = url.partition("://")[0]
    assert urls.source_of(url) == f"{scheme}://***"
    said = urls.masked(f"{url}: cannot send {url.rpartition('/')[2]} to {url.partition('://')[2]}", url)
    for secret in (
        "TIiajkdnlazkcOXrIdevi7FQ",
        "AAbbCCddEEffGGhhIIjjKK",
        "Geh",
        "p4w",
        "secret-topic-77",
        "tk_AgQ",
    ):
        assert secret not in said


def test_the_host_stays_for_the_operator_who_looks_for_the_cause() -> None:
    said = "A Connection error occurred sending mail to smtp.example.com with Geh@eim-9"
    shown = urls.masked(said, SECRETS[2])
    assert "smtp.example.com" in shown and "Geh@eim-9" not in shown


def test_it_is_read_from_the_environment_or_a_private_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPS_URL", "json://user:Sup3r-s3cret@127.0.0.1/x")
    assert urls.read("env:OPS_URL", tmp_path) == "json://user:Sup3r-s3cret@127.0.0.1/x"
    assert redact.redact("it was Sup3r-s3cret") == "it was ***"
    assert urls.source_of("env:OPS_URL") == "env:OPS_URL"
    file = tmp_path / "ops.url"
    file.write_text("ntfy://ntfy.example.com/topic\n")
    file.chmod(0o644)
    with pytest.raises(Refused, match="chmod 600"):
        urls.read("file:ops.url", tmp_path)
    file.chmod(0o600)
    assert urls.read("file:ops.url", tmp_path) == "ntfy://ntfy.example.com/topic"
    monkeypatch.setenv("OPS_URL", "n0-url-but-secret")
    with pytest.raises(Refused, match="not an Apprise URL") as refused:
        urls.read("env:OPS_URL", tmp_path)
    assert "n0-url" not in refused.value.sentence
    with pytest.raises(Refused, match="NOT_THERE of the environment is not set"):
        urls.read("env:NOT_THERE", tmp_path)


@pytest.mark.parametrize("text", ["", "ntfy", "ntfy:/x", "://x", "env:", "json://", "mail to://x"])
def test_what_is_no_url_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(ValueError, match="not an Apprise URL"):
        urls.check(text)
