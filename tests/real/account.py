"""A service account with the rights of `manifests/rbac.yaml`, in a namespace of a test's own."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import yaml
from kubernetes import client, config, utils

Manifest = dict[str, Any]
ROLES = ("Role", "ClusterRole")


class Rule(NamedTuple):
    """One rule of a role: `resources` are its names as RBAC has them."""

    role: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]


# What only the preflight looks at, and what only a class that says Retain needs.
NOT_FOR_EVERY_RUN = ("stormark-preflight", "stormark-retain")


def rules(objects: list[Manifest]) -> list[Rule]:
    """What a run needs, rule by rule."""
    return [
        Rule(f"{o['kind']}/{o['metadata']['name']}", tuple(r["resources"]), tuple(r["verbs"]))
        for o in objects
        if o["kind"] in ROLES and o["metadata"]["name"] not in NOT_FOR_EVERY_RUN
        for r in o["rules"]
    ]


def without(objects: list[Manifest], rule: Rule) -> list[Manifest]:
    """The objects, one rule of a role left out."""
    return [
        {**o, "rules": [r for r in o["rules"] if not _is(o, r, rule)]} if o["kind"] in ROLES else o
        for o in objects
    ]


def _is(role: Manifest, rule: Manifest, wanted: Rule) -> bool:
    name = f"{role['kind']}/{role['metadata']['name']}"
    return (name, tuple(rule["resources"])) == (wanted.role, wanted.resources)


@contextmanager
def granted(admin: client.ApiClient, objects: list[Manifest], folder: Path) -> Iterator[Path]:
    """A namespace with these rights; yields a kubeconfig of its account, with that namespace.

    Whatever has no namespace is named after this one, and removed at the end.
    """
    name = f"rbac-{uuid4().hex[:8]}"
    # The client's types want models; these bodies are the manifests they are.
    core: Any = client.CoreV1Api(admin)
    rbac = client.RbacAuthorizationV1Api(admin)
    core.create_namespace({"metadata": {"name": name}})
    here = [_moved(o, name) for o in objects]
    try:
        for item in here:
            utils.create_from_dict(admin, item)
        request = {"spec": {"expirationSeconds": 3600}}
        answer = core.create_namespaced_service_account_token("stormark", name, request)
        kubeconfig = folder / f"{name}.kubeconfig"
        kubeconfig.write_text(json.dumps(_kubeconfig(name, answer.status.token)))
        yield kubeconfig
    finally:
        for item in here:
            if item["kind"] == "ClusterRole":
                rbac.delete_cluster_role(item["metadata"]["name"])
            elif item["kind"] == "ClusterRoleBinding":
                rbac.delete_cluster_role_binding(item["metadata"]["name"])
        core.delete_namespace(name)


def _moved(item: Manifest, namespace: str) -> Manifest:
    """The object in another namespace; a cluster's object has its name from it."""
    moved: Manifest = json.loads(json.dumps(item))
    cluster_wide = item["kind"].startswith("ClusterRole")
    if cluster_wide:
        moved["metadata"]["name"] += f"-{namespace}"
        if "roleRef" in moved:
            moved["roleRef"]["name"] += f"-{namespace}"
    else:
        moved["metadata"]["namespace"] = namespace
    for subject in moved.get("subjects", []):
        subject["namespace"] = namespace
    return moved


def _kubeconfig(namespace: str, token: str) -> Manifest:
    """The administrator's kubeconfig with the account's token in place of its credentials."""
    file = os.environ["KUBECONFIG"]  # the client's default is of when it was imported
    _, current = config.list_kube_config_contexts(file)
    given = yaml.safe_load(Path(file).read_text())
    cluster = next(c for c in given["clusters"] if c["name"] == current["context"]["cluster"])
    context = {"cluster": cluster["name"], "user": "stormark", "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": namespace,
        "clusters": [cluster],
        "users": [{"name": "stormark", "user": {"token": token}}],
        "contexts": [{"name": namespace, "context": context}],
    }
