"""The JSON Schema of a pack file, generated from `moderation.policy.schema`, for editors.

In VS Code with the YAML extension, a first line
`# yaml-language-server: $schema=policy-pack.schema.json` gives completion and checks while typing.
"""

from __future__ import annotations

import json
from typing import Any

from moderation.policy.rule import EXCEPTION_TAGS, RULE_CATEGORIES
from moderation.policy.schema import Pack
from moderation.taxonomy import CATEGORY_IDS

#: The file in `policies/` that holds it.
FILE_NAME = "policy-pack.schema.json"


def pack_json_schema() -> dict[str, Any]:
    """The schema, with the values that the models check in code spelled out as enumerations."""
    schema = Pack.model_json_schema(by_alias=True, mode="validation")
    definitions = schema["$defs"]
    for name in ("Score", "AspectIs"):
        definitions[name]["properties"]["category"]["enum"] = list(CATEGORY_IDS)
    rule = definitions["Rule"]["properties"]
    rule["category"]["enum"] = list(RULE_CATEGORIES)
    rule["exceptions"]["items"]["enum"] = list(EXCEPTION_TAGS)
    # A single name may be written without brackets; a condition holds one predicate.
    condition = definitions["Condition"]
    condition["minProperties"] = condition["maxProperties"] = 1
    for place in ("Condition", "ReportIs", "OrderIs", "OnlyIf"):
        for entry in definitions[place]["properties"].values():
            for option in entry.get("anyOf", []):
                if option.get("type") == "array" and option["items"].get("type") == "string":
                    entry["anyOf"].append(option["items"])
                    break
    for definition in (schema, *definitions.values()):
        for entry in definition.get("properties", {}).values():
            _without_python_defaults(entry)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Policy pack",
        "description": "One policy pack of the moderation workbench; see policies/README.md.",
        **{k: v for k, v in schema.items() if k not in {"title", "description"}},
    }


def _without_python_defaults(entry: dict[str, Any]) -> None:
    entry.pop("title", None)
    if entry.get("default") is None:
        entry.pop("default", None)


def pack_json_schema_text() -> str:
    """The schema as the file in `policies/` has it."""
    return json.dumps(pack_json_schema(), indent=1, ensure_ascii=False, sort_keys=False) + "\n"
