"""The pod template of a Job or of a writer, with what a plan adds to every pod: here alone."""

from tasks.kubernetes.manifest import render
from tasks.kubernetes.nodes import SYSTEM
from tasks.kubernetes.objects import Obj
from tasks.plan.plan import Plan
from tasks.plan.pod import Pod, SecurityContext

# stormark's programs are for Linux; the kubelet gives each node this label.
LINUX = {SYSTEM: "linux"}


def render_workload(template: str, plan: Plan, /, **values: object) -> Obj:
    """The workload of `manifests/<template>.yaml.jinja`, as the plan wants its pods."""
    manifest = render(template, plan=plan, **values)
    manifest["metadata"]["labels"] = plan.pod.labels | manifest["metadata"]["labels"]
    merge(manifest["spec"]["template"], plan.pod)
    if plan.pvc and plan.pod.security_context.fs_group is None:
        # the kubelet would give every file of somebody's volume to that group
        manifest["spec"]["template"]["spec"]["securityContext"].pop("fsGroup", None)
    return manifest


def merge(template: Obj, pod: Pod) -> None:
    """Add to a pod template what the plan says of pods, in place; stormark's own labels win."""
    meta, spec = template["metadata"], template["spec"]
    spec["nodeSelector"] = LINUX | spec.get("nodeSelector", {})
    meta["labels"] = pod.labels | meta["labels"]
    if pod.annotations:
        meta["annotations"] = pod.annotations | meta.get("annotations", {})
    named = {
        "priorityClassName": pod.priority_class_name,
        "runtimeClassName": pod.runtime_class_name,
        "serviceAccountName": pod.service_account_name,
        "imagePullSecrets": [{"name": name} for name in pod.image_pull_secrets],
    }
    spec |= {field: value for field, value in named.items() if value}
    (container,) = spec["containers"]
    resources = container["resources"]
    resources["requests"] |= pod.resources.requests
    if pod.resources.limits:
        resources["limits"] = dict(pod.resources.limits)
    spec["securityContext"] = _security(spec["securityContext"], pod.security_context)


def _security(own: Obj, plan: SecurityContext) -> Obj:
    """The security context of a pod; what no plan may change stays, such as its seccomp profile."""
    wanted = {
        "runAsUser": plan.run_as_user,
        "runAsGroup": plan.run_as_group,
        "fsGroup": plan.fs_group,
    }
    if plan.given_by_cluster:
        return {field: value for field, value in own.items() if field not in wanted}
    given: Obj = {field: value for field, value in wanted.items() if value is not None}
    if plan.run_as_user is not None:
        given["runAsNonRoot"] = plan.run_as_user != 0
    return own | given
