"""What a new or changed object must look like: 422 as Kubernetes words it, 501 for the rest.

A field that would change what happens, and that nothing here would obey, is refused by name.
"""

import json
import re
from collections.abc import Callable, Iterator

from embedded.admission.pod_validation import pod_findings, refuse_entrypoints, refuse_unknown
from embedded.store import errors
from embedded.store.errors import Cause, invalid_value, required
from embedded.store.objects import Object, as_bytes, labels_of, name_of
from embedded.store.resources import (
    BUDGETS,
    CLAIMS,
    DEPLOYMENTS,
    JOBS,
    NAMESPACES,
    PODS,
    READ_ONLY,
    REPLICA_SETS,
    STATEFUL_SETS,
    STORAGE_CLASSES,
    VOLUMES,
    Resource,
)
from embedded.store.selectors import OPERATORS, selects

LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = rf"{LABEL}(\.{LABEL})*"
LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex "
    f"used for validation is '{LABEL}')"
)
SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    f"for validation is '{SUBDOMAIN}')"
)
# Fields of a Job's spec that are obeyed, and those that may only say what happens anyway.
JOB_FIELDS = {"backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished", "template"}
JOB_DEFAULTS = {"completions": 1, "parallelism": 1, "completionMode": "NonIndexed"}
JOB_FILLED = {"selector", "podReplacementPolicy", "suspend"}
VOLUME_FIELDS = {
    "accessModes", "capacity", "claimRef", "nodeAffinity", "persistentVolumeReclaimPolicy",
    "storageClassName", "volumeMode", "hostPath", "local",
}  # fmt: skip
# One replica, as the controller here keeps it; its template stays as it is.
SET_FIELDS = {"selector", "serviceName", "template"}
SET_DEFAULTS = {"replicas": 1, "podManagementPolicy": "OrderedReady"}
SET_FILLED = {"revisionHistoryLimit", "updateStrategy"}
FIXED = {
    JOBS: ("completions", "selector", "template"),
    DEPLOYMENTS: ("selector",),
    STATEFUL_SETS: ("selector", "serviceName", "podManagementPolicy"),
}
TEMPLATED = {JOBS, DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS}


def check_new(resource: Resource, obj: Object) -> None:
    """Refuse an object that cannot be created: 422 with all findings, or 501."""
    if resource in READ_ONLY:
        raise errors.not_implemented(f"creating {resource.qualified}")
    refuse_operators(obj.get("spec"))
    if obj.get("binaryData"):
        raise errors.not_implemented("binaryData")
    findings = [*name_findings(resource, obj)]
    findings += CHECKS[resource](obj) if resource in CHECKS else []
    if findings:
        raise errors.invalid(resource, obj["metadata"].get("name", ""), findings)
    if resource is PODS:
        refuse_entrypoints(obj["spec"], "spec")
    if resource in TEMPLATED:
        refuse_entrypoints(obj["spec"]["template"]["spec"], "spec.template.spec")


def check_update(resource: Resource, old: Object, new: Object) -> None:
    """Refuse a change of what Kubernetes keeps fixed."""
    refuse_operators(new["spec"])
    findings: list[Cause] = []
    if resource is PODS and _without_mutable(old["spec"]) != _without_mutable(new["spec"]):
        message = (
            "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` "
            "(only additions to existing tolerations),`spec.terminationGracePeriodSeconds` "
            "(allow it to be set to 1 if it was previously negative)"
        )
        findings.append(("FieldValueForbidden", "spec", message))
    if resource is CLAIMS and old["spec"] | {"resources": 0} != new["spec"] | {"resources": 0}:
        message = (
            "Forbidden: spec is immutable after creation except resources.requests and "
            "volumeAttributesClassName for bound claims"
        )
        findings.append(("FieldValueForbidden", "spec", message))
    for field in FIXED.get(resource, ()):
        if old["spec"].get(field) != new["spec"].get(field):
            value = json.dumps(new["spec"].get(field), separators=(",", ":"))
            findings.append(invalid_value(f"spec.{field}", value, "field is immutable"))
    if resource in TEMPLATED | {BUDGETS}:
        findings += CHECKS[resource](new)
    if findings:
        raise errors.invalid(resource, name_of(new), findings)


def check_immutable(resource: Resource, old: Object, new: Object) -> None:
    """Refuse a change of the data of a ConfigMap or Secret that says that there will be none."""
    if not old.get("immutable"):
        return
    message = "Forbidden: field is immutable when `immutable` is set"
    changed = [f for f in ("immutable", "data", "binaryData") if old.get(f) != new.get(f)]
    if changed:
        findings = [("FieldValueForbidden", field, message) for field in changed]
        raise errors.invalid(resource, name_of(new), findings)


def _without_mutable(spec: Object) -> Object:
    containers = [c | {"image": ""} for c in spec["containers"]]
    return spec | {"containers": containers, "tolerations": []}


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


def name_findings(resource: Resource, obj: Object) -> Iterator[Cause]:
    """Whether metadata has a name, and one that is allowed."""
    metadata = obj["metadata"]
    name = metadata.get("name")
    if not name and not metadata.get("generateName"):
        yield required("metadata.name", "name or generateName is required")
    pattern, rule = (LABEL, LABEL_RULE) if resource is NAMESPACES else (SUBDOMAIN, SUBDOMAIN_RULE)
    if name and (not re.fullmatch(pattern, name) or len(name) > 253):
        yield invalid_value("metadata.name", json.dumps(name), rule)


def template_findings(obj: Object) -> list[Cause]:
    """The findings on spec.template of a controller's object."""
    template = (obj.get("spec") or {}).get("template") or {}
    return pod_findings(template, "spec.template.spec")


def job_findings(obj: Object) -> list[Cause]:
    """The findings on a Job."""
    spec = obj.get("spec") or {}
    given = {k: v for k, v in spec.items() if JOB_DEFAULTS.get(k) != v and k not in JOB_FILLED}
    refuse_unknown("spec", given, JOB_FIELDS)
    if spec.get("suspend"):
        raise errors.not_implemented("spec.suspend")
    findings = template_findings(obj)
    policy = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy", "Always")
    if policy == "Always":
        valid = 'valid values: "OnFailure", "Never"'
        findings.append(required("spec.template.spec.restartPolicy", valid))
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


def set_findings(obj: Object) -> list[Cause]:
    """The findings on a StatefulSet."""
    spec = obj.get("spec") or {}
    given = {k: v for k, v in spec.items() if SET_DEFAULTS.get(k) != v and k not in SET_FILLED}
    refuse_unknown("spec", given, SET_FIELDS)
    return workload_findings(obj)


def claim_findings(obj: Object) -> list[Cause]:
    """The findings on a PersistentVolumeClaim; ApiError 400 for a size that is no quantity."""
    spec = obj.get("spec") or {}
    for field in ("dataSource", "dataSourceRef"):
        if spec.get(field):
            raise errors.not_implemented(f"spec.{field}")
    findings = []
    if not spec.get("accessModes"):
        findings.append(required("spec.accessModes", "at least 1 access mode is required"))
    size = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if size is None:
        return [*findings, required("spec.resources[storage]")]
    try:
        as_bytes(size)
    except ValueError as error:
        raise errors.bad_request(
            'PersistentVolumeClaim in version "v1" cannot be handled as a PersistentVolumeClaim: '
            "quantities must match the regular expression "
            "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        ) from error
    return findings


def volume_findings(obj: Object) -> list[Cause]:
    """The findings on a PersistentVolume: only hostPath and local ones exist here."""
    spec = obj.get("spec") or {}
    refuse_unknown("spec", spec, VOLUME_FIELDS)
    findings = [required(f"spec.{f}") for f in ("accessModes", "capacity") if not spec.get(f)]
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
    for field in ("minAvailable", "maxUnavailable"):
        if isinstance((obj.get("spec") or {}).get(field), str):
            raise errors.not_implemented(f"spec.{field} as a percentage")
    return []


CHECKS: dict[Resource, Callable[[Object], list[Cause]]] = {
    PODS: pod_findings,
    JOBS: job_findings,
    DEPLOYMENTS: workload_findings,
    REPLICA_SETS: workload_findings,
    STATEFUL_SETS: set_findings,
    CLAIMS: claim_findings,
    VOLUMES: volume_findings,
    STORAGE_CLASSES: class_findings,
    BUDGETS: budget_findings,
}
