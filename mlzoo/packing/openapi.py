"""The OpenAPI 3.1 description of a packed model's server, from what the model takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlzoo.packing.served.model import ModelColumn, ModelFacts

_ERRORS = {
    "400": "the body is no JSON",
    "401": "the token is missing or wrong",
    "413": "the body is too large",
    "422": "a sample can't be read as what the model takes",
    "503": "too many requests wait",
}


def description(facts: ModelFacts, example: Any) -> dict[str, object]:
    """Return the description.

    Args:
        facts: content of `model.json`.
        example: a row as JSON; None where the model takes images.
    """
    image = facts["kind"] == "image"
    schemas = {"Answer": _answer(facts), "Error": _object({"error": {"type": "string"}})}
    if not image:
        schemas["Row"] = _row(facts["columns"])
    file = {"schema": {"type": "string", "format": "binary"}}
    one = {"image/*": file} if image else _json(_ref("Row"), example)
    item = {"type": "string", "contentEncoding": "base64"} if image else _ref("Row")
    name = "images" if image else "rows"
    many = _json(_object({name: {"type": "array", "items": item, "minItems": 1}}))
    answers = _object({"predictions": {"type": "array", "items": _ref("Answer")}})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": facts["name"],
            "version": facts["digest"][:12],
            "description": f"{facts['task']} on {facts['kind']}s, model {facts['model']}",
        },
        "paths": {
            "/predict": {"post": _operation("Predict one sample", one, _ref("Answer"))},
            "/predict/batch": {"post": _operation("Predict several samples", many, answers)},
            "/health": {"get": {**_get("The server is up", "application/json"), "security": []}},
            "/metrics": {"get": _get("Counts and times, for Prometheus", "text/plain")},
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _answer(facts: ModelFacts) -> dict[str, object]:
    warnings = {"type": "array", "items": {"type": "string"}}
    if facts["classes"]:
        classes = facts["classes"]
        probabilities = _object(dict.fromkeys(classes, {"type": "number"}))
        prediction: Mapping[str, object] = {"type": "string", "enum": classes}
        return _object(
            {"prediction": prediction, "probabilities": probabilities, "warnings": warnings}
        )
    targets = facts["targets"]
    number = {"type": "number"}
    prediction = number if len(targets) == 1 else _object(dict.fromkeys(targets, number))
    return _object({"prediction": prediction, "warnings": warnings})


def _row(columns: list[ModelColumn]) -> dict[str, object]:
    number = {"type": ["number", "null"]}
    text = {"type": ["string", "number", "null"]}
    return _object(
        {
            column["name"]: {**text, "examples": column["categories"][:5]}
            if column["categories"]
            else number
            for column in columns
        }
    )


def _object(properties: Mapping[str, object]) -> dict[str, object]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _ref(name: str) -> dict[str, object]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: Mapping[str, object], example: Any = None) -> dict[str, object]:
    content = {"schema": schema}
    return {"application/json": content if example is None else {**content, "example": example}}


def _operation(
    summary: str, body: Mapping[str, object], answer: Mapping[str, object]
) -> dict[str, object]:
    errors = {
        status: {"description": text, "content": _json(_ref("Error"))}
        for status, text in _ERRORS.items()
    }
    return {
        "summary": summary,
        "requestBody": {"required": True, "content": body},
        "responses": {"200": {"description": "predicted", "content": _json(answer)}, **errors},
    }


def _get(summary: str, media: str) -> dict[str, object]:
    return {
        "summary": summary,
        "responses": {"200": {"description": "answered", "content": {media: {}}}},
    }
