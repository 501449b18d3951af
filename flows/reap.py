"""The flow that releases what dead runs have left in a cluster."""

from prefect import flow, get_run_logger

from flows.steps import step
from tasks import check
from tasks import cluster as k8s
from tasks.plan import NodeFault
from tasks.reap import reap


@flow(name="reap", flow_run_name="reap", persist_result=False)
def release_dead_runs(
    context: str | None = None,
    namespace: str = "default",
    dry_run: bool = False,
    node_crash: NodeFault | None = None,
    node_partition: NodeFault | None = None,
) -> None:
    """Release whatever is past its deadline, or whose run is dead: uncordon first, then delete.

    Args:
        context: Context of the kubeconfig. Empty: its current one.
        namespace: The namespace in which runs work.
        dry_run: Only say what would be released.
        node_crash: The plans' node_fault: its `up` mends a node that a run has left broken.
        node_partition: The plans' node_partition, likewise.

    """
    logger = get_run_logger()
    cluster = k8s.connect(context, namespace)
    check.namespace(cluster)
    given = {"node-crash": node_crash, "node-partition": node_partition}
    faults = {storm: fault for storm, fault in given.items() if fault is not None}
    found = step(reap, "reap")(cluster, dry_run=dry_run, faults=faults)
    for remains in found:
        done = "would release" if dry_run else "released"
        logger.info("%s %s (%s): %s", done, *remains[:2], ", ".join(remains.objects))
    if not found:
        logger.info("nothing to release")
