"""The labels and names by which whatever stormark made is found again."""

import re

from tasks.kubernetes.objects import Obj

MANAGED_BY = "app.kubernetes.io/managed-by"
RUN = "stormark/run"
NAMESPACE = "stormark/namespace"
DEADLINE = "stormark/deadline"
HOST_FOLDERS = "stormark/host-folders"
FLOW_RUN = "stormark/flow-run"
# Our container in every pod; a webhook may put others before or after it.
CONTAINER = "stormark"


# What `run.new_run_id` makes: from the cluster it may be anything, and it ends in paths.
RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")


def of_run(run_id: str) -> dict[str, str]:
    """The labels of every object of a run."""
    return {MANAGED_BY: "stormark", RUN: run_id}


def of_owner(run_id: str, flow_run: str) -> dict[str, str]:
    """The labels of a run's ConfigMap, which also says which flow run of Prefect's it is of."""
    return of_run(run_id) | ({FLOW_RUN: flow_run} if flow_run else {})


def selector(run_id: str | None = None) -> str:
    """The label selector of a run's objects, or of every run's."""
    return f"{MANAGED_BY}=stormark" + (f",{RUN}={run_id}" if run_id else "")


def is_ours(item: Obj) -> bool:
    """Whether `selector` selects an object."""
    return bool((item["metadata"].get("labels") or {}).get(MANAGED_BY) == "stormark")


def reference(configmap: Obj) -> Obj:
    """The ownerReference to a run's ConfigMap."""
    meta = configmap["metadata"]
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": meta["name"], "uid": meta["uid"]}
