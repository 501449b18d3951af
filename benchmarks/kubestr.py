"""fio through stormark ÷ fio as kubestr runs it: by exec in a pod that waits, with the same file.

    python -m benchmarks.kubestr plan.yaml

kubestr makes a ConfigMap, a PVC and a pod, runs fio by exec, and deletes them again; see
https://github.com/kastenhq/kubestr (pkg/fio).
"""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import paired
from tasks.kubernetes import cluster as k8s
from tasks.kubernetes import streams, verbs, watches
from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.objects import Items, Obj
from tasks.plan.job_file import Workload
from tasks.plan.plan import Plan

READY_SECONDS, SPARE_SECONDS, GONE_SECONDS = 120.0, 120.0, 120.0


def main(
    plan: Annotated[Path, typer.Argument(help="Plan of one class and one repeat.")],
    rounds: Annotated[int, typer.Option(min=2, help="How often each way is taken.")] = 5,
) -> None:
    """Take both ways by turns, and print the ratio of their figures."""
    chosen, workload = paired.workload(plan)
    cluster = k8s.connect(chosen.context, chosen.namespace)

    def by_exec() -> paired.IOPS:
        name = f"by-exec-{secrets.token_hex(3)}"
        objects = manifests(name, chosen, workload)
        try:
            for manifest in objects:
                verbs.create(cluster, manifest)
            watches.wait(cluster, "Pod", running, what=name, limit_seconds=READY_SECONDS, name=name)
            limit = max(workload.seconds(), 1) * len(workload.jobs) + SPARE_SECONDS
            command = ["fio", "--output-format=json", "/jobs/job.fio"]
            return paired.of_output(
                streams.execute(cluster, name, command, limit_seconds=limit), workload
            )
        finally:
            remove(cluster, name, objects)

    paired.print_ratios(
        rounds, ("stormark", "by exec"), lambda: paired.through_stormark(plan), by_exec
    )


def manifests(name: str, plan: Plan, workload: Workload) -> list[Obj]:
    """The job file, the PVC, and the pod that waits with both."""
    meta = {"name": name}
    container = {
        "name": "fio",
        "image": plan.image,
        "imagePullPolicy": plan.image_pull_policy,
        "command": ["tail", "-f", "/dev/null"],
        "workingDir": "/",
        "env": [{"name": "STORMARK_ENGINE", "value": "libaio"}],
        "volumeMounts": [
            {"name": "volume", "mountPath": "/volume"},
            {"name": "jobs", "mountPath": "/jobs"},
        ],
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": meta,
            "data": {"job.fio": workload.text},
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": meta,
            "spec": {
                "accessModes": [plan.access_mode],
                "storageClassName": plan.storage_classes[0],
                "resources": {"requests": {"storage": plan.volume_size}},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": meta,
            "spec": {
                "containers": [container],
                "volumes": [
                    {"name": "volume", "persistentVolumeClaim": {"claimName": name}},
                    {"name": "jobs", "configMap": {"name": name}},
                ],
            },
        },
    ]


def remove(cluster: Cluster, name: str, objects: list[Obj]) -> None:
    """Delete them, and wait until the volume is gone: nothing of it is beside the next round."""
    volumes = [
        volume["metadata"]["name"]
        for volume in verbs.find(cluster, "PersistentVolume")
        if (volume["spec"].get("claimRef") or {}).get("name") == name
        and volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
    ]
    for manifest in reversed(objects):
        verbs.delete(cluster, manifest["kind"], name, grace_seconds=0)
    wait_gone(cluster, "PersistentVolumeClaim", name)
    for volume in volumes:
        wait_gone(cluster, "PersistentVolume", volume)


def wait_gone(cluster: Cluster, kind: str, name: str) -> None:
    """Wait until an object is no more."""
    what, limit = f"deletion of {kind} {name}", GONE_SECONDS
    watches.wait(cluster, kind, gone, what=what, limit_seconds=limit, name=name)


def gone(items: Items) -> bool | None:
    """Whether nothing is left, for `wait`."""
    return None if items else True


def running(pods: Items) -> bool | None:
    """Whether the pod runs, for `wait`."""
    return any(pod["status"].get("phase") == "Running" for pod in pods.values()) or None


if __name__ == "__main__":
    typer.run(main)
