"""JSON Schemas of config.toml and of the manifest, from the models that check them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from engine.actions.settings import FORMS as SETTINGS
from engine.checked import adapter
from engine.forms import ClientForm, PoolForm, ProductForm, ServerForm, ServiceForm
from engine.forms.service import LIMITS
from engine.forms.zone import zone_forms
from kvmtui.config import Config
from kvmtui.config_file import PLACED

Schema = dict[str, Any]
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_COMPUTED = ("database", "secret_key_file", "templates")
"""Settings whose default follows from where the site is; it is in their description."""


def config_schema() -> Schema:
    """What config.toml may hold."""
    made = adapter(Config).json_schema()
    for name in PLACED:
        del made["properties"][name]
    for name in _COMPUTED:
        made["properties"][name].pop("default", None)
    return {"$schema": _DRAFT, **made, "title": "kvmtui config.toml"}


def manifest_schema() -> Schema:
    """What `kvmtui apply` takes."""
    definitions: Schema = {}
    sections = {
        "settings": _settings(definitions),
        "servers": _list(_form(ServerForm, definitions)),
        "pools": _list(_form(PoolForm, definitions)),
        "zones": _list({"oneOf": [_form(form, definitions) for form in zone_forms().values()]}),
        "products": _list(_form(ProductForm, definitions)),
        "clients": _list(_form(ClientForm, definitions)),
        "services": _list(_form(ServiceForm, definitions)),
    }
    definitions["ServiceForm"]["required"] = ["id", *definitions["ServiceForm"]["required"]]
    _spell_options(definitions["OptionsForm"])
    return {
        "$schema": _DRAFT,
        "title": "kvmtui manifest",
        "description": "A site: settings, servers, pools, zones, products, clients and services.",
        "type": "object",
        "properties": sections,
        "additionalProperties": False,
        "$defs": dict(sorted(definitions.items())),
    }


def _form(form: type[BaseModel], definitions: Schema) -> Schema:
    """A reference to the schema of a form, which is put among the definitions with everything it needs."""
    made = form.model_json_schema(ref_template="#/$defs/{model}")
    definitions.update(made.pop("$defs", {}))
    definitions[form.__name__] = made
    return {"$ref": f"#/$defs/{form.__name__}"}


def _settings(definitions: Schema) -> Schema:
    """Settings are laid over those that are stored, so that nothing in them is required."""
    properties = {name: _form(form, definitions) for name, form in SETTINGS.items()}
    for form in SETTINGS.values():
        definitions[form.__name__].pop("required", None)
    description = "Settings that are not named keep their value."
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "additionalProperties": False,
    }


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _spell_options(options: Schema) -> None:
    """Options may also be written as the product writes them: nested, or with dots."""
    known = options["properties"]
    disks = ("system_disk", "additional_disk")
    nested = {disk: {"size": disk, **{limit: f"{disk}_{limit}" for limit in LIMITS}} for disk in disks}
    nested["network"] = {name: name for name in ("bandwidth", "ipv4", "ipv6")}
    plain = dict(known)
    for group, names in nested.items():
        inner = {short: plain[name] for short, name in names.items()}
        form = {"type": "object", "properties": inner, "additionalProperties": False}
        known[group] = {**known[group], "anyOf": [*known[group]["anyOf"], form]} if group in plain else form
        known |= {f"{group}.{short}": plain[name] for short, name in names.items()}
