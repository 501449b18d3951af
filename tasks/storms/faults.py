"""The faults themselves: what each storm does to a writer's pod."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tenacity import retry, retry_if_exception_type, stop_after_delay

from tasks.kubernetes import streams, verbs
from tasks.kubernetes.cluster import PAUSE_SECONDS, Cluster, patiently
from tasks.kubernetes.errors import Blocked, CommandFailed, CutOff, NotOpened, ServerFailed
from tasks.kubernetes.objects import Obj
from tasks.storms.clock import now

EXEC_LIMIT_SECONDS = 10.0
KILLED = 128 + 9
AT_ONCE = 16


def inject(fault: Callable[[Cluster, str], None], cluster: Cluster, pod: str) -> float:
    """Order a fault of a pod; when that was, by the client's clock.

    One whose connection was not opened has not happened: it is ordered again, and timed from then.
    """

    def order() -> float:
        ordered_at = now()
        fault(cluster.hasty, pod)
        return ordered_at

    return patiently(cluster, (NotOpened,), order)


def restart_container(cluster: Cluster, pod: str) -> None:
    """Kill the writer's process; the pod stays, and its container is started again.

    The shell that kills may be ended together with the container that it kills, and so may the
    connection to it: whether the writer was killed is seen by what it does next.
    """
    try:
        streams.execute(
            cluster,
            pod,
            ["sh", "-c", "kill -KILL $(cat scratch/pid)"],
            limit_seconds=EXEC_LIMIT_SECONDS,
        )
    except CutOff:
        return
    except CommandFailed as error:
        if error.exit_status != KILLED:
            raise


def delete_pod(cluster: Cluster, pod: str) -> None:
    """Delete the pod gracefully, as `kubectl delete pod` does."""
    verbs.delete(cluster, "Pod", pod)


def kill_pod(cluster: Cluster, pod: str) -> None:
    """Delete the pod without grace, as `kubectl delete pod --force --grace-period=0` does."""
    verbs.delete(cluster, "Pod", pod, grace_seconds=0)


def evict(cluster: Cluster, pods: list[Obj], limit_seconds: float) -> None:
    """Evict pods in every namespace; one whose budget forbids it is asked again, as kubectl does.

    Raises Blocked when a budget still forbids it after `limit_seconds`.
    """
    ask = retry(
        retry=retry_if_exception_type(Blocked),
        stop=stop_after_delay(limit_seconds),
        reraise=True,
    )(verbs.evict)
    for pod in pods:
        ask(cluster._replace(namespace=pod["metadata"]["namespace"]), pod["metadata"]["name"])


def evict_beside(cluster: Cluster, pods: list[Obj], limit_seconds: float) -> list[tuple[Obj, str]]:
    """Evict pods in every namespace at the same time, so that one that stays keeps no other.

    Returns those that a budget still forbids after `limit_seconds`, each with the server's words.
    """
    stop = threading.Event()

    def ask(pod: Obj) -> str:
        deadline = time.monotonic() + limit_seconds
        while True:
            try:
                evict(cluster, [pod], 0)
            except (Blocked, ServerFailed) as error:  # two budgets on one pod are a 500
                if time.monotonic() >= deadline or stop.wait(PAUSE_SECONDS):
                    return str(error)
            else:
                return ""

    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            words = list(pool.map(ask, pods))
        except BaseException:
            stop.set()  # an interrupt waits for no budget
            raise
    return [(pod, why) for pod, why in zip(pods, words, strict=True) if why]


def evictable(cluster: Cluster, node: str) -> list[Obj]:
    """Every pod of a node but DaemonSets', static and ended ones, in every namespace.

    What `kubectl drain --force --ignore-daemonsets --delete-emptydir-data` evicts.
    """
    pods = verbs.find(cluster, "Pod", field=f"spec.nodeName={node}", every_namespace=True)
    return [pod for pod in pods if not _stays(pod)]


def _stays(pod: Obj) -> bool:
    meta = pod["metadata"]
    owners = {owner["kind"] for owner in meta.get("ownerReferences", [])}
    return (
        "DaemonSet" in owners
        or "kubernetes.io/config.mirror" in meta.get("annotations", {})
        or pod["status"].get("phase") in ("Succeeded", "Failed")
    )
