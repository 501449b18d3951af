"""Rendering the files of node/ and storage/."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent
_TEMPLATES = Environment(
    loader=FileSystemLoader(HERE),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701 - YAML and JSON, of the testbed's own values
)
_TEMPLATES.policies["json.dumps_kwargs"] = {"sort_keys": False}


def render(template: str, **values: object) -> str:
    """A template below this folder, rendered; a value that it lacks is an error."""
    return _TEMPLATES.get_template(template).render(values)
