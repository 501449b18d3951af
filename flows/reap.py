"""The flow that releases what dead runs have left in a cluster."""

from uuid import UUID

from prefect import flow, get_run_logger

from flows import dead
from flows.steps import step
from tasks.kubernetes import cluster as k8s
from tasks.lifecycle.reap import reap
from tasks.plan.node_fault import NodeFault
from tasks.plan.plan import IMAGE, NAMESPACE, Plan
from tasks.preflight import begin


@flow(name="reap", flow_run_name="reap", persist_result=False)
def release_dead_runs(
    *,
    context: str | None = None,
    namespace: str = NAMESPACE,
    image: str = IMAGE,
    dry_run: bool = False,
    node_fault: NodeFault | None = None,
    node_partition: NodeFault | None = None,
    flow_run: UUID | None = None,
) -> None:
    """Release what dead runs have left: uncordon first, then delete.

    Args:
        context: Context of the kubeconfig. Empty: its current one.
        namespace: The namespace in which runs work. Empty: the context's own.
        image: Image of the pods that remove folders on nodes: the plans' image.
        dry_run: Only say what would be released.
        node_fault: The plans' node_fault: its `up` mends a node that a run has left broken.
        node_partition: The plans' node_partition, likewise.
        flow_run: A flow run that crashed, or that sends no heartbeat: that is marked as Crashed,
            unless it still renews its Lease. Its own plan takes the place of the fields above.

    """
    logger = get_run_logger()
    given: dict[str, object] = {"node_fault": node_fault, "node_partition": node_partition}
    given |= {"context": context, "namespace": namespace, "image": image}
    plan = Plan.model_validate(given)
    died = dead.read(flow_run) if flow_run is not None else None
    if died is not None:
        plan = dead.plan_of(died)
    cluster = k8s.connect(plan.context, plan.namespace)
    begin.namespace(cluster)
    if died is not None and not dry_run and not dead.release(died, cluster):
        logger.warning("%s sends no heartbeat but renews its Lease: left alone", died.name)
    found = step(reap, "reap")(cluster.patient, dry_run=dry_run, plan=plan)
    for remains in found:
        done = "would release" if dry_run else "released"
        if remains.objects:
            logger.info("%s %s (%s): %s", done, *remains[:2], ", ".join(remains.objects))
        for note in remains.notes:
            logger.warning("%s", note)
    if not any(remains.objects for remains in found):
        logger.info("nothing to release")
