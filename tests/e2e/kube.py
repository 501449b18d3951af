"""Objects and waits for the scenarios, all through the real client."""

import os
import time
from collections.abc import Callable
from typing import Any

from kubernetes import client, watch

IMAGE = os.environ.get("STORMARK_E2E_IMAGE", "busybox:1.36")
REAL = "KUBECONFIG" in os.environ
DEADLINE_SECONDS = 180.0 if REAL else 120.0
CORDONED = "node.kubernetes.io/unschedulable"  # the taint of a cordoned node


class Kube:
    """One namespace of a cluster."""

    # The client's types want models; the scenarios write bodies as the manifests they are.
    def __init__(self, api_client: Any, namespace: str) -> None:
        self.namespace = namespace
        self.api_client = api_client
        self.core: Any = client.CoreV1Api(api_client)
        self.apps: Any = client.AppsV1Api(api_client)
        self.batch: Any = client.BatchV1Api(api_client)
        self.policy: Any = client.PolicyV1Api(api_client)
        self.storage: Any = client.StorageV1Api(api_client)
        self.cordoned: list[str] = []

    def create_namespace(self) -> None:
        """Make the namespace; a real cluster's is ready for pods once controllers were there."""
        self.core.create_namespace({"metadata": {"name": self.namespace}})
        if REAL:
            accounts = self.core.list_namespaced_service_account
            self.wait(accounts, bool, field_selector="metadata.name=default")
            maps = self.core.list_namespaced_config_map
            self.wait(maps, bool, field_selector="metadata.name=kube-root-ca.crt")

    def wait(
        self, read: Callable[..., Any], until: Callable[[list[Any]], Any], **query: Any
    ) -> Any:
        """Watch what `read` lists until `until` is true of the items; its value then.

        Fails with the last items seen when the deadline passes.
        """
        end = time.monotonic() + DEADLINE_SECONDS
        name = getattr(read, "__name__", "")
        arguments = [self.namespace] if "namespaced" in name else []
        while True:
            listed = read(*arguments, **query)
            items = {item.metadata.uid: item for item in listed.items}
            if value := until(list(items.values())):
                return value
            version = listed.metadata.resource_version
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError(f"{name} {query}: not in time; last: {listed.items}")
            query_watch = {**query, "resource_version": version, "timeout_seconds": int(left) + 1}
            for change in watch.Watch().stream(read, *arguments, **query_watch):
                found = change["object"]
                items[found.metadata.uid] = found
                if change["type"] == "DELETED":
                    del items[found.metadata.uid]
                if value := until(list(items.values())):
                    return value

    def pods(self, until: Callable[[list[Any]], Any], **query: Any) -> Any:
        return self.wait(self.core.list_namespaced_pod, until, **query)

    def pod(self, name: str, until: Callable[[Any], Any] = lambda _: True) -> Any:
        """The pod once `until` is true of it."""
        chosen = f"metadata.name={name}"
        return self.pods(
            lambda pods: next((pod for pod in pods if until(pod)), None), field_selector=chosen
        )

    def pod_gone(self, name: str) -> None:
        self.pods(lambda pods: not pods, field_selector=f"metadata.name={name}")

    def claim(self, name: str, until: Callable[[Any], Any]) -> Any:
        return self.wait(
            self.core.list_namespaced_persistent_volume_claim,
            lambda claims: next((claim for claim in claims if until(claim)), None),
            field_selector=f"metadata.name={name}",
        )

    def claim_gone(self, name: str) -> None:
        self.wait(
            self.core.list_namespaced_persistent_volume_claim,
            lambda claims: not claims,
            field_selector=f"metadata.name={name}",
        )

    def job(self, name: str, condition: str) -> Any:
        """The Job once it has the condition."""
        return self.wait(
            self.batch.list_namespaced_job,
            lambda jobs: next((job for job in jobs if has_condition(job, condition)), None),
            field_selector=f"metadata.name={name}",
        )

    def event(self, name: str, reason: str, *, of: str = "") -> Any:
        """The first event with a reason on an object, whose message contains `of`."""
        return self.wait(
            self.core.list_namespaced_event,
            lambda events: next(
                (e for e in events if e.reason == reason and of in (e.message or "")), None
            ),
            field_selector=f"involvedObject.name={name}",
        )

    def create_claim(
        self, name: str, storage_class: str, mode: str = "ReadWriteOnce", **more: Any
    ) -> Any:
        spec = {
            "accessModes": [mode],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": "16Mi"}},
        }
        body = {"metadata": {"name": name}, "spec": spec | more}
        return self.core.create_namespaced_persistent_volume_claim(self.namespace, body)

    def create_pod(self, name: str, spec: dict[str, Any], **metadata: Any) -> Any:
        body = {"metadata": {"name": name, **metadata}, "spec": spec}
        return self.core.create_namespaced_pod(self.namespace, body)

    def create_job(
        self, name: str, command: str, pod: dict[str, Any] | None = None, **spec: Any
    ) -> Any:
        template = {"spec": pod_spec(command, **{"restartPolicy": "Never", **(pod or {})})}
        body = {"metadata": {"name": name}, "spec": {"template": template, **spec}}
        return self.batch.create_namespaced_job(self.namespace, body)

    def create_deployment(self, name: str, pod: dict[str, Any]) -> Any:
        labels = {"app": name}
        template = {"metadata": {"labels": labels, "name": "is-ignored"}, "spec": pod}
        spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
        body = {"metadata": {"name": name}, "spec": spec}
        return self.apps.create_namespaced_deployment(self.namespace, body)

    def create_stateful_set(self, name: str, pod: dict[str, Any], **metadata: Any) -> Any:
        labels = {"app": name}
        template = {"metadata": {"labels": labels}, "spec": pod}
        selector = {"matchLabels": labels}
        spec = {"replicas": 1, "serviceName": name, "selector": selector, "template": template}
        body = {"metadata": {"name": name, **metadata}, "spec": spec}
        return self.apps.create_namespaced_stateful_set(self.namespace, body)

    def log(self, pod: str, **options: Any) -> str:
        return str(self.core.read_namespaced_pod_log(pod, self.namespace, **options))

    def first_line(self, pod: str) -> str:
        """What a pod's container writes first, once it does: it is ready before its command ran."""
        lines = watch.Watch().stream(self.core.read_namespaced_pod_log, pod, self.namespace)
        return str(next(iter(lines)))

    def cordon(self, node: str) -> None:
        """Cordon a node, and wait for its taint: by then the scheduler knows of it too."""
        self.cordoned.append(node)
        self.core.patch_node(node, {"spec": {"unschedulable": True}})
        self.wait(
            self.core.list_node,
            lambda nodes: any(t.key == CORDONED for n in nodes for t in n.spec.taints or []),
            field_selector=f"metadata.name={node}",
        )

    def uncordon(self, node: str) -> None:
        self.core.patch_node(node, {"spec": {"unschedulable": False}})

    def raw(self, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
        """Status and JSON of a request as it is written, which the client would not send."""
        pool = self.api_client.rest_client.pool_manager
        url = f"{self.api_client.configuration.host}{path}"
        headers = {"Content-Type": "application/json"}
        self.api_client.update_params_for_auth(headers, [], ["BearerToken"], "", method, body)
        response = pool.request(method, url, body=body, headers=headers)
        return response.status, response.json()

    def evict(self, pod: str) -> None:
        body = {"metadata": {"name": pod, "namespace": self.namespace}}
        self.core.create_namespaced_pod_eviction(pod, self.namespace, body)


def has_condition(obj: Any, kind: str) -> bool:
    return any(c.type == kind and c.status == "True" for c in obj.status.conditions or [])


def is_ready(pod: Any) -> bool:
    return has_condition(pod, "Ready") and pod.metadata.deletion_timestamp is None


def is_phase(phase: str) -> Callable[[Any], bool]:
    return lambda obj: obj.status.phase == phase


def pod_spec(command: str, **more: Any) -> dict[str, Any]:
    """A pod of one container running a shell command; a claim is mounted at /data."""
    claim = more.pop("claim", None)
    if claim:
        more["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    mounts = [{"name": v["name"], "mountPath": f"/{v['name']}"} for v in more.get("volumes", [])]
    container = {
        "name": "main",
        "image": IMAGE,
        "workingDir": "/",
        "command": ["sh", "-c", command],
        "volumeMounts": mounts,
        "env": more.pop("env", []),
    }
    return {"containers": [container], "terminationGracePeriodSeconds": 1, **more}


ON_TERM = 'trap "echo ended; exit 0" TERM; '
FOREVER = ON_TERM + "while true; do sleep 0.1; done"
