"""The part of JSON Schema that the description of the API uses: checked, and generated from.

A keyword that is not known here is an error, so that nothing goes unchecked.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]

ANNOTATIONS = {"title", "description", "default", "discriminator"}
KEYWORDS = ANNOTATIONS | {
    "$ref",
    "additionalProperties",
    "anyOf",
    "const",
    "enum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "oneOf",
    "pattern",
    "patternProperties",
    "properties",
    "propertyNames",
    "required",
    "type",
}

TYPES: dict[str, Any] = {
    "null": lambda v: v is None,
    "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "string": lambda v: isinstance(v, str),
    "array": lambda v: isinstance(v, list),
    "object": lambda v: isinstance(v, dict),
}


def _alternatives(schema: Schema) -> list[Schema]:
    found: list[Schema] = schema.get("anyOf") or schema.get("oneOf") or []
    return found


class Schemas:
    """The schemas of one OpenAPI description."""

    def __init__(self, description: dict[str, Any]) -> None:
        self._named = description["components"]["schemas"]

    def resolved(self, schema: Schema) -> Schema:
        unknown = schema.keys() - KEYWORDS
        assert not unknown, f"keywords {unknown} are not checked"
        if "$ref" not in schema:
            return schema
        return self.resolved(self._named[schema["$ref"].removeprefix("#/components/schemas/")])

    # --- checking -----------------------------------------------------------------------------------------

    def check(self, value: Any, schema: Schema, at: str = "$") -> None:
        """Raise AssertionError, saying where, if ``value`` is not as ``schema`` says."""
        schema = self.resolved(schema)
        if "anyOf" in schema or "oneOf" in schema:
            fitting = [s for s in _alternatives(schema) if self.fits(value, s)]
            assert fitting, f"{at}: {value!r} fits none of the alternatives"
            assert "oneOf" not in schema or len(fitting) == 1, f"{at}: {value!r} fits several alternatives"
            return
        if "const" in schema:
            assert value == schema["const"], f"{at}: {value!r} is not {schema['const']!r}"
        if "enum" in schema:
            assert value in schema["enum"], f"{at}: {value!r} is none of {schema['enum']}"
        assert TYPES[schema["type"]](value), f"{at}: {value!r} is no {schema['type']}"
        match value:
            case dict():
                self._check_object(value, schema, at)
            case list():
                assert schema.get("minItems", 0) <= len(value) <= schema["maxItems"], at
                for n, item in enumerate(value):
                    self.check(item, schema["items"], f"{at}[{n}]")
            case str():
                self._check_string(value, schema, at)
            case bool() | None:
                pass
            case _:
                assert schema["minimum"] <= value <= schema["maximum"], f"{at}: {value} is out of range"

    def _check_object(self, value: dict[str, Any], schema: Schema, at: str) -> None:
        properties = schema.get("properties", {})
        missing = set(schema.get("required", ())) - value.keys()
        assert not missing, f"{at}: {missing} are missing"
        assert len(value) <= schema.get("maxProperties", len(properties)), f"{at}: too many properties"
        for name, inner in value.items():
            if name in properties:
                self.check(inner, properties[name], f"{at}.{name}")
                continue
            others = schema.get("additionalProperties", True)
            for pattern, by_pattern in schema.get("patternProperties", {}).items():
                if re.search(pattern, name):
                    others = by_pattern
            assert others is not False, f"{at}: {name!r} is unknown"
            assert others is not True, f"{at}: anything goes"
            self.check(name, schema["propertyNames"] | {"type": "string"}, f"{at} (a name)")
            self.check(inner, others, f"{at}.{name}")

    def _check_string(self, value: str, schema: Schema, at: str) -> None:
        if schema.get("format") == "date-time":
            assert datetime.fromisoformat(value).utcoffset() is not None, at
        if "const" in schema or "enum" in schema or "format" in schema:
            return
        assert schema.get("minLength", 0) <= len(value) <= schema["maxLength"], f"{at}: {len(value)} long"
        if "pattern" in schema:
            assert re.search(schema["pattern"], value), f"{at}: {value!r} is not {schema['pattern']}"

    def fits(self, value: Any, schema: Schema) -> bool:
        try:
            self.check(value, schema)
        except AssertionError:
            return False
        return True

    # --- generating ---------------------------------------------------------------------------------------

    def values(self, schema: Schema) -> st.SearchStrategy[Any]:
        """Small values that the schema allows."""
        schema = self.resolved(schema)
        if "anyOf" in schema or "oneOf" in schema:
            return st.one_of([self.values(s) for s in _alternatives(schema)])
        if "const" in schema:
            return st.just(schema["const"])
        if "enum" in schema:
            return st.sampled_from(schema["enum"])
        match schema["type"]:
            case "null":
                return st.none()
            case "boolean":
                return st.booleans()
            case "integer":
                low, high = schema["minimum"], schema["maximum"]
                return st.integers(low, min(high, low + 12)) | st.integers(low, high)
            case "string":
                return self._strings(schema)
            case "array":
                low = schema.get("minItems", 0)
                return st.lists(self.values(schema["items"]), min_size=low, max_size=low + 4)
            case "object":
                return self._objects(schema)
            case unknown:
                raise AssertionError(f"values of type {unknown!r} are not generated")

    def _objects(self, schema: Schema) -> st.SearchStrategy[Any]:
        if "properties" not in schema:
            form = schema["propertyNames"] | {"type": "string"}
            others = schema["additionalProperties"]
            for pattern, by_pattern in schema.get("patternProperties", {}).items():
                form, others = form | {"pattern": pattern}, by_pattern
            return st.dictionaries(self.values(form), self.values(others), max_size=3)
        required = set(schema.get("required", ()))
        fields = {name: self.values(inner) for name, inner in schema["properties"].items()}
        return st.fixed_dictionaries(
            {name: field for name, field in fields.items() if name in required},
            optional={name: field for name, field in fields.items() if name not in required},
        )

    def _strings(self, schema: Schema) -> st.SearchStrategy[str]:
        low, high = schema.get("minLength", 0), schema["maxLength"]
        signs = st.characters(codec="utf-8")
        if "pattern" not in schema:
            return st.text(signs, min_size=low, max_size=min(high, low + 20))
        texts = st.from_regex(schema["pattern"], fullmatch=True, alphabet=signs)
        return texts.filter(lambda text: low <= len(text) <= high)
