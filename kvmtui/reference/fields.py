"""The settings of config.toml and the fields of the manifest as tables, from their schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from kvmtui.reference.markdown import GENERATED, code, table
from kvmtui.reference.schemas import Schema, config_schema, manifest_schema

_HEADS = ("Key", "Type", "Default", "Meaning")
_ENVIRONMENT = (
    ("KVMTUI_DB", "database"),
    ("KVMTUI_SECRET_KEY_FILE", "secret_key_file"),
    ("KVMTUI_LOG_LEVEL", "log_level"),
)


def config_page() -> str:
    """Every setting of config.toml."""
    schema = config_schema()
    overrides = ((code(variable), code(name)) for variable, name in _ENVIRONMENT)
    return "\n\n".join(
        [
            "# config.toml",
            GENERATED,
            "Every setting. All are optional; an unknown one is refused. The file is read at the start of every "
            "command; a daemon rereads `log_level`, the roles of operators and `notify` on SIGHUP. Editors complete "
            "and check it with [config.schema.json](config.schema.json): write `#:schema https://…/config.schema.json` "
            "or a path into its first line.",
            table(_HEADS, _rows(schema, schema, "")),
            "## Overridden by the environment",
            table(("Variable", "Setting"), overrides),
        ]
    )


def manifest_page() -> str:
    """Every section and field of the manifest."""
    schema = manifest_schema()
    lines = [
        "# Manifest",
        GENERATED,
        "Every field `kvmtui apply` accepts. [manifest.md](../manifest.md) explains how it is applied. Editors "
        "complete and check it with [manifest.schema.json](manifest.schema.json): write "
        "`# yaml-language-server: $schema=PATH/manifest.schema.json` into its first line. Fields with a default may be "
        "omitted; *secret* fields take `env:NAME`, `file:PATH` and `__KEEP__` as well.",
    ]
    for section, given in schema["properties"].items():
        lines.append(f"## {section}")
        for form in _forms(given, schema):
            if len(list(_forms(given, schema))) > 1:
                lines.append(f"### {form['properties']['type']['const']}")
            lines.append(table(_HEADS, _rows(form, schema, "")))
    return "\n\n".join(lines)


def _forms(given: Schema, schema: Schema) -> Iterator[Schema]:
    items = given.get("items", given)
    for each in items.get("oneOf", [items]):
        yield _resolved(each, schema)


def _resolved(given: Schema, schema: Schema) -> Schema:
    name = given.get("$ref", "").rpartition("/")[2]
    return {**schema["$defs"][name], **{k: v for k, v in given.items() if k != "$ref"}} if name else given


def _rows(form: Schema, schema: Schema, before: str) -> Iterator[tuple[str, str, str, str]]:
    required = form.get("required", ())
    for name, given in form["properties"].items():
        field = _resolved(given, schema)
        if "." in name:
            continue
        inner = field.get("properties")
        if inner:
            yield from _rows(field, schema, f"{before}{name}.")
            continue
        if (named := _of_each_name(field, schema)) is not None:
            yield from _rows(named, schema, f"{before}{name}.NAME.")
            continue
        default = "**required**" if name in required else _shown(field.get("default"))
        yield code(before + name), _type(field, schema), default, field.get("description", "")


def _of_each_name(field: Schema, schema: Schema) -> Schema | None:
    """The keys of every entry of a table whose entries are named by the operator; None for another field."""
    entries = [*field.get("patternProperties", {}).values(), field.get("additionalProperties")]
    found = next((_resolved(each, schema) for each in entries if isinstance(each, dict)), {})
    return found if found.get("properties") else None


def _shown(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return ""
    return code(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _type(field: Schema, schema: Schema) -> str:
    """The type in words, with its bounds or its choices."""
    if "anyOf" in field:
        kinds = [
            _type(_resolved(each, schema), schema) for each in field["anyOf"] if each.get("type") != "null"
        ]
        return " or ".join(dict.fromkeys(kinds))
    if "const" in field:
        return code(json.dumps(field["const"]).strip('"'))
    if "enum" in field:
        return ", ".join(code(each) for each in field["enum"])
    if field.get("type") == "array":
        return f"list of {_type(_resolved(field['items'], schema), schema)}"
    if field.get("type") == "object":
        return "table" if not field.get("properties") else "mapping"
    bounds = [field.get("minimum"), field.get("maximum")]
    kind = {"integer": "number", "boolean": "true or false", "string": "text"}.get(field.get("type", ""), "")
    secret = ", secret" if field.get("writeOnly") else ""
    return f"{kind} {bounds[0]}–{bounds[1]}" if None not in bounds else kind + secret
