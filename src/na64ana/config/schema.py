"""The JSON Schema of datasets.yaml, with which editors complete and check while one types."""

from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema

from na64ana.config.models import Config

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


class _Schema(GenerateJsonSchema):
    """Says what is written in the file, where pydantic says what becomes of it."""

    def default_schema(self, schema: Any) -> dict[str, Any]:
        """Leave out defaults in internal units: the file has quantities with theirs."""
        made = super().default_schema(schema)
        if "default" in made and "pattern" in made and not isinstance(made["default"], str):
            del made["default"]
        return made


def config_schema() -> dict[str, Any]:
    """Return the JSON Schema of datasets.yaml (draft 2020-12).

    It knows keys, kinds and units. What is between blocks - a selection that does not exist, runs
    that overlap - only `load_config` finds.
    """
    schema = Config.model_json_schema(mode="validation", schema_generator=_Schema)
    return {"$schema": DIALECT, **schema, "title": "datasets.yaml of na64ana"}
