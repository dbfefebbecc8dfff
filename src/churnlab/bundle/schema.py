"""The published JSON Schema of the bundle, written from its model.

``python -m churnlab.bundle.schema`` writes the file anew; a test holds it against the model.
"""

import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from churnlab.bundle.document import SCHEMA_VERSION, Bundle

SCHEMA_FILE = "bundle.v1.schema.json"


class _Closed(GenerateJsonSchema):
    """Draft 2020-12 without titles of fields; mappings with named keys refuse other keys."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Leave out titles that only repeat the name."""
        return False

    def dict_schema(self, schema: Any) -> dict[str, Any]:
        """Close mappings whose keys follow a pattern."""
        found = super().dict_schema(schema)
        if "patternProperties" in found:
            found["additionalProperties"] = False
        return found


def model_schema() -> dict[str, Any]:
    """Return the JSON Schema of the model in `churnlab.bundle.document`."""
    made = Bundle.model_json_schema(by_alias=True, schema_generator=_Closed)
    return {
        "$schema": _Closed.schema_dialect,
        "$id": f"urn:churnlab:schema:bundle:{SCHEMA_VERSION}",
        **made,
        "title": "churnlab threshold bundle",
    }


def schema_text() -> str:
    """Return the schema as it stands in the file and in every export."""
    return json.dumps(model_schema(), ensure_ascii=False, indent=1) + "\n"


@cache
def bundle_schema() -> dict[str, Any]:
    """Return the published JSON Schema (draft 2020-12) of this major version."""
    text = resources.files("churnlab.bundle").joinpath("schemas", SCHEMA_FILE).read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def main() -> Path:
    """Write the file from the model."""
    path = Path(__file__).parent / "schemas" / SCHEMA_FILE
    path.write_text(schema_text(), encoding="utf-8")
    return path


if __name__ == "__main__":
    print(main())
