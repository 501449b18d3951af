"""Label and field selectors, as query parameters and as objects."""

import re
from collections.abc import Callable
from typing import Any

from embedded.store import errors
from embedded.store.objects import Object, labels_of, name_of

Matcher = Callable[[Object], bool]

OPERATORS = {"In", "NotIn", "Exists", "DoesNotExist"}
SET_TERM = re.compile(r"^\s*(\S+)\s+(in|notin)\s+\(([^)]*)\)\s*$")
EQUAL_TERM = re.compile(r"^\s*([^\s=!]+)\s*(==|=|!=)\s*([^\s=!]*)\s*$")
NAME_TERM = re.compile(r"^\s*(!?)\s*([^\s=!]+)\s*$")

FIELDS = {
    "metadata.name", "metadata.namespace", "spec.nodeName", "status.phase", "spec.unschedulable",
    "type", "reason", "involvedObject.kind", "involvedObject.name", "involvedObject.namespace",
    "involvedObject.uid", "involvedObject.fieldPath",
}  # fmt: skip


def label_matcher(selector: str) -> Matcher:
    """A matcher for the labelSelector parameter; ApiError 400 when it cannot be parsed."""
    terms = [_label_term(term) for term in re.split(r",(?![^(]*\))", selector) if term.strip()]
    return lambda obj: all(holds(term, labels_of(obj)) for term in terms)


def _label_term(term: str) -> Object:
    if found := SET_TERM.match(term):
        values = [value.strip() for value in found[3].split(",")]
        operator = "In" if found[2] == "in" else "NotIn"
        return {"key": found[1], "operator": operator, "values": values}
    if found := EQUAL_TERM.match(term):
        operator = "NotIn" if found[2] == "!=" else "In"
        return {"key": found[1], "operator": operator, "values": [found[3]]}
    if found := NAME_TERM.match(term):
        return {"key": found[2], "operator": "DoesNotExist" if found[1] else "Exists"}
    seen = next(iter(term.split()[1:]), "")
    expected = "in, notin, =, ==, !=, gt, lt"
    raise errors.bad_request(f"unable to parse requirement: found '{seen}', expected: {expected}")


def holds(expression: Object, labels: dict[str, str]) -> bool:
    """Whether one matchExpressions entry, whose operator is one of OPERATORS, holds."""
    operator, value = expression["operator"], labels.get(expression["key"])
    if operator in {"Exists", "DoesNotExist"}:
        return bool((value is not None) == (operator == "Exists"))
    return bool((value in (expression.get("values") or [])) == (operator == "In"))


def selects(selector: Object | None, labels: dict[str, str]) -> bool:
    """Whether a LabelSelector object matches labels; None matches nothing, {} everything."""
    if selector is None:
        return False
    equal = selector.get("matchLabels") or {}
    terms = selector.get("matchExpressions") or []
    return equal.items() <= labels.items() and all(holds(term, labels) for term in terms)


def field_matcher(selector: str, kind: str) -> Matcher:
    """A matcher for the fieldSelector parameter; ApiError 400 for fields that are not indexed."""
    terms: list[Matcher] = []
    for term in (term for term in selector.split(",") if term):
        found = EQUAL_TERM.match(term)
        if not found:
            raise errors.bad_request(f"invalid field selector: {term}")
        if found[1] not in FIELDS:
            raise errors.bad_request(f"field label not supported: {found[1]} (of {kind})")
        terms.append(_field_term(found[1], found[3], negated=found[2] == "!="))
    return lambda obj: all(term(obj) for term in terms)


def _field_term(path: str, value: str, negated: bool) -> Matcher:
    """One requirement of a field selector; a missing field is the empty string."""

    def matches(obj: Object) -> bool:
        found: Any = obj
        for part in path.split("."):
            found = found.get(part, "") if isinstance(found, dict) else ""
        text = str(found).lower() if isinstance(found, bool) else str(found)
        return (text == value) != negated

    return matches


def terms_match(terms: list[Object], node: Object) -> bool:
    """Whether one of the nodeSelectorTerms holds for the node; an empty one does for none."""
    fields = {"metadata.name": name_of(node)}
    for term in terms:
        labelled, named = term.get("matchExpressions") or [], term.get("matchFields") or []
        if (
            (labelled or named)
            and all(holds(expression, labels_of(node)) for expression in labelled)
            and all(holds(expression, fields) for expression in named)
        ):
            return True
    return False


def volume_fits(volume: Object, node: Object) -> bool:
    """Whether the volume's node affinity admits the node."""
    affinity = volume["spec"].get("nodeAffinity")
    return affinity is None or terms_match(affinity["required"]["nodeSelectorTerms"], node)
