"""Renders the files of `manifests/` into objects for the API."""

import json
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

FOLDER = Path(__file__).parents[2] / "manifests"
# YAML, not HTML: each value goes in through tojson, and JSON is YAML.
ENVIRONMENT = Environment(  # noqa: S701
    loader=FileSystemLoader(FOLDER), undefined=StrictUndefined, keep_trailing_newline=True
)
ENVIRONMENT.filters["combine"] = lambda values, more: values | more
ENVIRONMENT.filters["tojson"] = json.dumps  # jinja2's own escapes < and > for HTML


def render(template: str, /, **values: object) -> dict[str, Any]:
    """The object of `manifests/<template>.yaml.jinja`; a value that is not given is an error."""
    text = ENVIRONMENT.get_template(f"{template}.yaml.jinja").render(**values)
    manifest: dict[str, Any] = yaml.safe_load(text)
    return manifest


def script(name: str) -> str:
    """The text of a script that pods run."""
    return (FOLDER / name).read_text()
