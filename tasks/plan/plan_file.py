"""A plan as text: read from a YAML file, written as one, and what is wrong with it in words."""

import textwrap
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from tasks.plan.node_fault import FAULT_FIELDS, NodeFault
from tasks.plan.plan import Plan, PlanError, Toleration
from tasks.plan.pod import Pod, Resources, SecurityContext
from tasks.plan.requirements import Limit, Requirement, Specification


def load(path: Path | None, overrides: dict[str, Any]) -> Plan:
    """The plan of a YAML file, with the `overrides` that are not None in place of its values.

    Raises PlanError, naming each wrong field and what is allowed.
    """
    values: Any = {}
    if path is not None:
        try:
            values = yaml.safe_load(path.read_text())
            values = {} if values is None else values  # a file of comments alone
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise PlanError(f"plan file {path} cannot be read: {why}") from error
        if not isinstance(values, dict):
            raise PlanError(f"plan file {path} must hold fields and values, not {values!r}")
    try:
        given = {name: value for name, value in overrides.items() if value is not None}
        return Plan.model_validate(values | given)
    except ValidationError as error:
        raise PlanError(explain(error)) from error


def template() -> str:
    """A plan file with every field at its default, and its description above it."""
    lines = ["# A plan of stormark. Leave out what stays at its default.", ""]
    defaults = Plan().model_dump()
    for name, field in Plan.model_fields.items():
        lines += textwrap.wrap(
            field.description or "", 98, initial_indent="# ", subsequent_indent="# "
        )
        lines += [yaml.safe_dump({name: defaults[name]}, default_flow_style=False).strip(), ""]
    return "\n".join(lines)


# What a field of the plan holds, where that has fields of its own; * stands for a name.
BY_NAME = (["specifications"], ["requirements"])
MODELS: dict[str, type[BaseModel]] = {
    "tolerations": Toleration,
    "pod": Pod,
    "pod.resources": Resources,
    "pod.security_context": SecurityContext,
    **dict.fromkeys(FAULT_FIELDS.values(), NodeFault),
    "specifications.*": Specification,
    "specifications.*.limits": Limit,
    "requirements.*": Requirement,
}


def explain(error: ValidationError) -> str:
    """One line for each wrong field: its name, what is allowed, what was given."""
    lines = []
    for problem in error.errors():
        field = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            holder = [str(part) for part in problem["loc"][:-1] if isinstance(part, str)]
            holder[1:2] = ["*"] if holder[:1] in BY_NAME else holder[1:2]
            model = MODELS.get(".".join(holder), Plan)
            allowed = "there is no such field; fields are " + ", ".join(model.model_fields)
        elif problem["type"] == "credentials":  # it is not repeated
            allowed = problem["msg"]
        elif not field:  # of the plan as a whole: it names its field itself
            lines.append(problem["msg"].removeprefix("Value error, "))
            continue
        else:
            allowed = f"{problem['msg'].removeprefix('Value error, ')}, not {problem['input']!r}"
        lines.append(f"plan field {field}: {allowed}")
    return "\n".join(lines)
