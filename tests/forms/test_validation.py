"""No text of pydantic reaches an operator, whatever a manifest, a configuration or an option holds."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from engine.checked import checked
from engine.consoles.console_options import ConsoleSettings
from engine.errors import Refused
from engine.forms import ClientForm, OptionsForm, PoolForm, ProductForm, ServerForm, ServiceForm, zone_forms
from engine.forms.adoption import AdoptForm
from engine.forms.faults import faults_of
from engine.forms.settings import CronForm, GeneralForm, IntervalsForm, RetentionForm, SmtpForm
from engine.validation import sentence
from kvmtui import config, config_file

FORMS: list[type[BaseModel]] = [
    *(ClientForm, OptionsForm, PoolForm, ProductForm, ServerForm, ServiceForm, AdoptForm),
    *(CronForm, GeneralForm, IntervalsForm, RetentionForm, SmtpForm),
    *zone_forms().values(),
]
OURS = {"value_error", "assertion_error", "faults"}
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(), st.text(max_size=300),
    st.sampled_from(["", "0", "-1", "99999999999", "1.5", "yes", "no", "::1", "x" * 5000]),
)  # fmt: skip
values = st.one_of(
    scalars,
    st.lists(scalars, max_size=80),
    st.dictionaries(st.sampled_from(["size", "ipv4", "port", "x"]), scalars),
)


def raw(error: ValidationError) -> list[str]:
    """The texts of pydantic that must not be shown."""
    return [each["msg"] for each in error.errors() if each["type"] not in OURS]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(FORMS), st.data())
def test_every_fault_of_a_form_has_a_sentence_of_ours(form: type[BaseModel], data: st.DataObject) -> None:
    given_ = {
        name: data.draw(values, label=name)
        for name in [*form.model_fields, "colour"]
        if data.draw(st.booleans())
    }
    try:
        form.model_validate(given_)
    except ValidationError as error:
        said = [str(each) for each in faults_of(error, form)]
        assert said and all(each.endswith((".", "?")) for each in said)
        assert not [text for text in raw(error) for each in said if text in each]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_every_fault_of_the_configuration_has_a_sentence_of_ours(data: st.DataObject) -> None:
    for model in (config.Config, ConsoleSettings):
        given_ = {
            name: data.draw(values, label=name) for name in [*(each.name for each in fields(model)), "colour"]
        }
        with pytest.raises(ValidationError) as caught:
            checked(model, given_)
        error = caught.value
        said = config_file._sentences(Path("config.toml"), {}, error)
        assert not [text for text in raw(error) if text in said]


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[console]\ncolour = 1", "console.colour: unknown key."),
        ("console = 3", "console: must be a mapping of keys to values."),
        ("[console]\nport = 'x'", "console.port: must be a whole number."),
        ("[console]\nport = 99999", "console.port: must be 65535 or less."),
        ("site_name = ''", "site_name: must not be empty."),
        ("keymap = 3", "keymap: must be a mapping of keys to values."),
        ("templates = 3", "templates: must be a path; put it in quotes."),
    ],
)
def test_a_bad_configuration_is_a_sentence(home: Path, toml: str, words: str) -> None:
    file = home / "config.toml"
    file.write_text(toml + "\n")
    file.chmod(0o600)
    with pytest.raises(Refused) as refusal:
        config.load({"KVMTUI_HOME": str(home)})
    assert refusal.value.sentence == f"{file}: {words}"


def test_a_kind_nobody_thought_of_is_a_sentence_too() -> None:
    assert (
        sentence({"type": "url_parsing", "msg": "Input should be a valid URL", "ctx": {}}) == "is not valid."
    )


def test_an_address_of_links_that_is_not_one(home: Path) -> None:
    with pytest.raises(Refused) as refusal:
        ConsoleSettings().at("192.0.2.1:99999")
    words: Any = refusal.value.sentence
    assert words == "Links cannot be served at 192.0.2.1:99999: must be 65535 or less."
