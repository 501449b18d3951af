"""What a new or changed object must look like: 422 as Kubernetes words it, 501 for the rest.

A field that would change what happens, and that nothing here would obey, is refused by name.
"""

import json
import re
from collections.abc import Callable, Iterator

from . import errors
from .errors import Cause, invalid_value, required
from .objects import Object, labels_of
from .pod_validation import pod_findings, refuse_entrypoints, refuse_unknown
from .resources import (
    BUDGETS,
    CLAIMS,
    DEPLOYMENTS,
    JOBS,
    NAMESPACES,
    PODS,
    READ_ONLY,
    REPLICA_SETS,
    STORAGE_CLASSES,
    VOLUMES,
    Resource,
)
from .selectors import OPERATORS, selects

LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = rf"{LABEL}(\.{LABEL})*"
QUANTITY = re.compile(r"^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$")
ACCESS_MODES = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"]

JOB_FIELDS = {
    "backoffLimit", "completions", "parallelism", "completionMode", "suspend", "manualSelector",
    "podReplacementPolicy", "activeDeadlineSeconds", "ttlSecondsAfterFinished", "template",
    "selector",
}  # fmt: skip


def check_new(resource: Resource, obj: Object) -> None:
    """Refuse an object that cannot be created: 422 with all findings, or 501."""
    if resource in READ_ONLY:
        raise errors.not_implemented(f"creating {resource.qualified}")
    refuse_operators(obj.get("spec"))
    findings = [*name_findings(resource, obj)]
    findings += CHECKS[resource](obj) if resource in CHECKS else []
    if findings:
        raise errors.invalid(resource, obj["metadata"].get("name", ""), findings)
    if resource is PODS:
        refuse_entrypoints(obj["spec"], "spec")
    if resource in {JOBS, DEPLOYMENTS, REPLICA_SETS}:
        refuse_entrypoints(obj["spec"]["template"]["spec"], "spec.template.spec")


def refuse_operators(part: object) -> None:
    """501 for a selector, anywhere in an object, that no controller here could evaluate."""
    if isinstance(part, list):
        for item in part:
            refuse_operators(item)
    elif isinstance(part, dict):
        for field, value in part.items():
            refuse_operators(value)
            for term in value if field in {"matchExpressions", "matchFields"} and value else []:
                if term.get("operator") not in OPERATORS:
                    raise errors.not_implemented(f"{field} with operator {term.get('operator')!r}")


def check_update(resource: Resource, old: Object, new: Object) -> None:
    """Refuse a change of what Kubernetes keeps fixed."""
    refuse_operators(new["spec"])
    findings: list[Cause] = []
    if resource is PODS and _without_mutable(old["spec"]) != _without_mutable(new["spec"]):
        message = (
            "pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` "
            "(only additions to existing tolerations),`spec.terminationGracePeriodSeconds` "
            "(allow it to be set to 1 if it was previously negative)"
        )
        findings.append(("FieldValueForbidden", "spec", f"Forbidden: {message}"))
    for field in FIXED.get(resource, ()):
        if old["spec"].get(field) != new["spec"].get(field):
            value = json.dumps(new["spec"].get(field), separators=(",", ":"))
            findings.append(invalid_value(f"spec.{field}", value, "field is immutable"))
    if resource in {JOBS, DEPLOYMENTS, REPLICA_SETS}:
        findings += CHECKS[resource](new)
    if resource is CLAIMS and _without_size(old["spec"]) != _without_size(new["spec"]):
        message = (
            "spec is immutable after creation except resources.requests and "
            "volumeAttributesClassName for bound claims"
        )
        findings.append(("FieldValueForbidden", "spec", f"Forbidden: {message}"))
    if findings:
        raise errors.invalid(resource, new["metadata"]["name"], findings)


FIXED = {JOBS: ("completions", "selector", "template"), DEPLOYMENTS: ("selector",)}


def _without_size(spec: Object) -> Object:
    return spec | {"resources": {}}


def _without_mutable(spec: Object) -> Object:
    containers = [c | {"image": ""} for c in spec["containers"]]
    return spec | {"containers": containers, "tolerations": []}


def name_findings(resource: Resource, obj: Object) -> Iterator[Cause]:
    """Whether metadata has a name, and one that is allowed."""
    metadata = obj["metadata"]
    name = metadata.get("name")
    if not name and not metadata.get("generateName"):
        yield required("metadata.name", "name or generateName is required")
    if not name:
        return
    if resource is NAMESPACES and not re.fullmatch(LABEL, name):
        yield invalid_value("metadata.name", json.dumps(name), LABEL_RULE)
    elif not re.fullmatch(SUBDOMAIN, name) or len(name) > 253:
        yield invalid_value("metadata.name", json.dumps(name), SUBDOMAIN_RULE)


LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex "
    "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    r"for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def template_findings(obj: Object) -> list[Cause]:
    """The findings on spec.template of a controller's object."""
    template = (obj.get("spec") or {}).get("template") or {}
    return pod_findings(template, "spec.template.spec")


def job_findings(obj: Object) -> list[Cause]:
    """The findings on a Job."""
    spec = obj.get("spec") or {}
    refuse_unknown("spec", spec, JOB_FIELDS)
    for field in ("completions", "parallelism"):
        if spec.get(field, 1) != 1:
            raise errors.not_implemented(f"spec.{field} other than 1")
    if spec.get("suspend") or spec.get("manualSelector"):
        raise errors.not_implemented("spec.suspend and spec.manualSelector")
    if spec.get("completionMode", "NonIndexed") != "NonIndexed":
        raise errors.not_implemented("spec.completionMode Indexed")
    findings = template_findings(obj)
    policy = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy", "")
    field = "spec.template.spec.restartPolicy"
    if policy in {"", "Always"}:  # a template's default is Always, so the two look the same
        findings.append(required(field, 'valid values: "OnFailure", "Never"'))
    elif policy not in {"OnFailure", "Never"}:
        message = f'Unsupported value: "{policy}": supported values: "OnFailure", "Never"'
        findings.append(("FieldValueNotSupported", field, message))
    return findings


def workload_findings(obj: Object) -> list[Cause]:
    """The findings on a Deployment or a ReplicaSet."""
    spec = obj.get("spec") or {}
    findings = []
    if not spec.get("selector"):
        findings.append(required("spec.selector"))
    metadata = (spec.get("template") or {}).get("metadata") or {}
    labels = labels_of({"metadata": metadata})
    if not selects(spec.get("selector"), labels):
        value = json.dumps(labels or None, separators=(",", ":"))
        message = "`selector` does not match template `labels`"
        findings.append(invalid_value("spec.template.metadata.labels", value, message))
    return findings + template_findings(obj)


def claim_findings(obj: Object) -> list[Cause]:
    """The findings on a PersistentVolumeClaim; ApiError 400 for a size that is no quantity."""
    spec = obj.get("spec") or {}
    findings = []
    modes = spec.get("accessModes") or []
    if not modes:
        message = "at least 1 access mode is required"
        findings.append(required("spec.accessModes", message))
    if any(mode not in ACCESS_MODES for mode in modes):
        supported = ", ".join(json.dumps(mode) for mode in ACCESS_MODES)
        wrong = json.dumps(next(mode for mode in modes if mode not in ACCESS_MODES))
        message = f"Unsupported value: {wrong}: supported values: {supported}"
        findings.append(("FieldValueNotSupported", "spec.accessModes", message))
    size = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if size is None:
        findings.append(required("spec.resources[storage]"))
    elif not QUANTITY.match(str(size)):
        raise errors.bad_request(
            'PersistentVolumeClaim in version "v1" cannot be handled as a '
            f"PersistentVolumeClaim: quantities must match the regular expression "
            f"'{QUANTITY.pattern}'"
        )
    refuse_unknown("spec", {k: spec.get(k) for k in ("dataSource", "dataSourceRef")}, set())
    return findings


def volume_findings(obj: Object) -> list[Cause]:
    """The findings on a PersistentVolume: only hostPath and local ones exist here."""
    spec = obj.get("spec") or {}
    known = {
        "accessModes", "capacity", "claimRef", "mountOptions", "nodeAffinity",
        "persistentVolumeReclaimPolicy", "storageClassName", "volumeMode", "hostPath", "local",
    }  # fmt: skip
    refuse_unknown("spec", spec, known)
    findings = []
    if not spec.get("accessModes"):
        findings.append(required("spec.accessModes"))
    if not spec.get("capacity"):
        findings.append(required("spec.capacity"))
    if "local" in spec and not spec.get("nodeAffinity"):
        findings.append(required("spec.nodeAffinity", "Local volume requires node affinity"))
    if not {"local", "hostPath"} & set(spec):
        findings.append(required("spec", "must specify a volume type"))
    return findings


def class_findings(obj: Object) -> list[Cause]:
    """The findings on a StorageClass."""
    return [] if obj.get("provisioner") else [required("provisioner")]


def budget_findings(obj: Object) -> list[Cause]:
    """The findings on a PodDisruptionBudget; percentages are refused with 501."""
    spec = obj.get("spec") or {}
    for field in ("minAvailable", "maxUnavailable"):
        if isinstance(spec.get(field), str):
            raise errors.not_implemented(f"spec.{field} as a percentage")
    return []


def check_type(resource: Resource, body: object) -> Object:
    """The body as an object of the resource's kind; ApiError 400 when it is another."""
    if not isinstance(body, dict):
        raise errors.bad_request(
            f"the object provided is unrecognized (must be of type {resource.kind})"
        )
    kind = body.get("kind") or resource.kind
    version = body.get("apiVersion") or resource.api_version
    if (version, kind) != (resource.api_version, resource.kind):
        raise errors.bad_request(
            f'{kind} in version "{version}" cannot be handled as a {resource.kind}: converting '
            f"({version}.{kind}) to (core.{resource.kind}): unknown conversion"
        )
    body.setdefault("metadata", {})
    return body


CHECKS: dict[Resource, Callable[[Object], list[Cause]]] = {
    PODS: pod_findings,
    JOBS: job_findings,
    DEPLOYMENTS: workload_findings,
    REPLICA_SETS: workload_findings,
    CLAIMS: claim_findings,
    VOLUMES: volume_findings,
    STORAGE_CLASSES: class_findings,
    BUDGETS: budget_findings,
}
