"""Label and field selectors, as query parameters and as objects."""

import re
from collections.abc import Callable
from typing import Any

from . import errors
from .objects import Object, labels_of, name_of

Matcher = Callable[[Object], bool]

SET_TERM = re.compile(r"^\s*(\S+)\s+(in|notin)\s+\(([^)]*)\)\s*$")
EQUAL_TERM = re.compile(r"^\s*([^\s=!]+)\s*(==|=|!=)\s*([^\s=!]*)\s*$")
NAME_TERM = re.compile(r"^\s*(!?)\s*([^\s=!]+)\s*$")

FIELDS = {
    "metadata.name", "metadata.namespace", "spec.nodeName", "status.phase", "spec.unschedulable",
    "spec.restartPolicy", "type", "reason", "involvedObject.kind", "involvedObject.name",
    "involvedObject.namespace", "involvedObject.uid", "involvedObject.fieldPath",
    "reportingComponent", "source", "status.successful",
}  # fmt: skip


def label_matcher(selector: str) -> Matcher:
    """A matcher for the labelSelector parameter; ApiError 400 when it cannot be parsed."""
    terms = [label_term(term) for term in re.split(r",(?![^(]*\))", selector) if term.strip()]
    return lambda obj: all(term(labels_of(obj)) for term in terms)


def label_term(term: str) -> Callable[[dict[str, str]], bool]:
    """One requirement of a label selector."""
    if found := SET_TERM.match(term):
        key, operator, listed = found.groups()
        values = [value.strip() for value in listed.split(",")]
        return expression(key, "In" if operator == "in" else "NotIn", values)
    if found := EQUAL_TERM.match(term):
        key, operator, value = found.groups()
        return expression(key, "NotIn" if operator == "!=" else "In", [value])
    if found := NAME_TERM.match(term):
        absent, key = found.groups()
        return expression(key, "DoesNotExist" if absent else "Exists", [])
    seen = next(iter(term.split()[1:]), "")
    expected = "in, notin, =, ==, !=, gt, lt"
    raise errors.bad_request(f"unable to parse requirement: found '{seen}', expected: {expected}")


OPERATORS = {"In", "NotIn", "Exists", "DoesNotExist"}


def expression(key: str, operator: str, values: list[str]) -> Callable[[dict[str, str]], bool]:
    """One matchExpressions entry, whose operator is one of OPERATORS."""
    tests: dict[str, Callable[[dict[str, str]], bool]] = {
        "In": lambda labels: labels.get(key) in values,
        "NotIn": lambda labels: labels.get(key) not in values,
        "Exists": lambda labels: key in labels,
        "DoesNotExist": lambda labels: key not in labels,
    }
    return tests[operator]


def selects(selector: Object | None, labels: dict[str, str]) -> bool:
    """Whether a LabelSelector object matches labels; None matches nothing, {} everything."""
    if selector is None:
        return False
    terms = selector.get("matchExpressions") or []
    return all(
        labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items()
    ) and all(expression(t["key"], t["operator"], t.get("values") or [])(labels) for t in terms)


def field_matcher(selector: str, kind: str) -> Matcher:
    """A matcher for the fieldSelector parameter; ApiError 400 for fields that are not indexed."""
    terms: list[Matcher] = []
    for term in (term for term in selector.split(",") if term):
        found = EQUAL_TERM.match(term)
        if not found:
            raise errors.bad_request(f"invalid field selector: {term}")
        path, operator, value = found.groups()
        if path not in FIELDS:
            message = f"field label not supported: {path} (of {kind})"
            raise errors.bad_request(message)
        terms.append(field_term(path, value, negated=operator == "!="))
    return lambda obj: all(term(obj) for term in terms)


def field_term(path: str, value: str, negated: bool) -> Matcher:
    """One requirement of a field selector; a missing field is the empty string."""

    def matches(obj: Object) -> bool:
        found: Any = obj
        for part in path.split("."):
            found = found.get(part, "") if isinstance(found, dict) else ""
        if isinstance(found, bool):
            found = str(found).lower()
        return (str(found) == value) != negated

    return matches


def terms_match(terms: list[Object], node: Object) -> bool:
    """Whether one of the nodeSelectorTerms holds for the node."""
    fields = {"metadata.name": name_of(node)}
    return any(
        all(expression(e["key"], e["operator"], e.get("values") or [])(found) for e, found in both)
        for term in terms
        if (
            both := [(e, labels_of(node)) for e in term.get("matchExpressions") or []]
            + [(e, fields) for e in term.get("matchFields") or []]
        )
    )


def volume_fits(volume: Object, node: Object) -> bool:
    """Whether the volume's node affinity admits the node."""
    affinity = volume["spec"].get("nodeAffinity")
    return affinity is None or terms_match(affinity["required"]["nodeSelectorTerms"], node)
