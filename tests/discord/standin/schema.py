"""Discord's own description of its API (openapi.json), as a judge of request bodies; read in place, never copied."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.jsonschema import DRAFT202012

DESCRIPTION = Path(__file__).resolve().parents[4] / "shared" / "discord" / "openapi.json"
_URI = "urn:discord-openapi"


def reason_for_absence() -> str | None:
    """Why bodies are not validated here; None where they are."""
    if DESCRIPTION.is_file():
        return None
    return f"request bodies are not validated: {DESCRIPTION.name} is not beside the checkout"


@cache
def _description() -> tuple[dict[str, Any], Any]:
    parsed = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    registry: Any = Registry().with_resource(_URI, DRAFT202012.create_resource(parsed))
    return parsed, registry


@cache
def _judge(method: str, path: str) -> Draft202012Validator | None:
    parsed, registry = _description()
    operation = parsed["paths"].get(path, {}).get(method.lower(), {})
    if "application/json" not in operation.get("requestBody", {}).get("content", {}):
        return None
    where = f"{_pointer(method, path)}/requestBody/content/application~1json/schema"
    return Draft202012Validator({"$ref": where}, registry=registry)


def faults(method: str, path: str, body: Any) -> list[str]:
    """What the description says against a body; empty where it is content, unknown to it, or absent."""
    if reason_for_absence() is not None or body is None:
        return []
    judge = _judge(method, path)
    if judge is None:
        return []
    found = [best_match([each]) for each in judge.iter_errors(_as_described(body))]
    return [f"{method} {path}: {each.json_path}: {each.message[:300]}" for each in found]


def _as_described(body: Any) -> Any:
    """discord.py writes some ids as numbers where the description wants strings; Discord takes both."""
    if isinstance(body, list):
        return [_as_described(each) for each in body]
    if not isinstance(body, dict):
        return body
    made = {key: _as_described(value) for key, value in body.items()}
    for key, value in made.items():
        if key.endswith("_id") and isinstance(value, int):
            made[key] = str(value)
        elif key in ("users", "roles") and isinstance(value, list):
            made[key] = [str(each) if isinstance(each, int) else each for each in value]
        elif key == "attachments" and isinstance(value, list):
            made[key] = [each | {"id": str(each["id"])} if isinstance(each, dict) and "id" in each else each
                         for each in value]
    return made


def answer_faults(method: str, path: str, status: int, body: Any) -> list[str]:
    """What the description says against an answer of the stand-in itself."""
    if reason_for_absence() is not None or body is None:
        return []
    judge = _judge_of_answer(method, path, str(status))
    if judge is None:
        return []
    found = [best_match([each]) for each in judge.iter_errors(body)]
    return [f"{method} {path} {status}: {each.json_path}: {each.message[:300]}" for each in found]


@cache
def _judge_of_answer(method: str, path: str, status: str) -> Draft202012Validator | None:
    parsed, registry = _description()
    operation = parsed["paths"].get(path, {}).get(method.lower(), {})
    if "application/json" not in operation.get("responses", {}).get(status, {}).get("content", {}):
        return None
    where = f"{_pointer(method, path)}/responses/{status}/content/application~1json/schema"
    return Draft202012Validator({"$ref": where}, registry=registry)


def _pointer(method: str, path: str) -> str:
    escaped = path.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
    return f"{_URI}#/paths/{escaped}/{method.lower()}"
