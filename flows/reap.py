"""The flow that releases what dead runs have left in a cluster."""

from prefect import flow, get_run_logger

from flows.steps import step
from tasks import check
from tasks import cluster as k8s
from tasks.reap import reap


@flow(name="reap", flow_run_name="reap", persist_result=False)
def release_dead_runs(
    context: str | None = None, namespace: str = "default", dry_run: bool = False
) -> None:
    """Release whatever is past its deadline, or whose run is dead: uncordon first, then delete.

    Args:
        context: Context of the kubeconfig. Empty: its current one.
        namespace: The namespace in which runs work.
        dry_run: Only say what would be released.

    """
    logger = get_run_logger()
    cluster = k8s.connect(context, namespace)
    check.namespace(cluster)
    found = step(reap, "reap")(cluster, dry_run=dry_run)
    for remains in found:
        done = "would release" if dry_run else "released"
        logger.info("%s %s (%s): %s", done, *remains[:2], ", ".join(remains.objects))
    if not found:
        logger.info("nothing to release")
