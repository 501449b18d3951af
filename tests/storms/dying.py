"""Runs of storms that are killed: `python -m tests.storms.dying RESULTS NAMESPACE NODE`.

For each number N on its input, a process rides a small plan, and is killed as soon as the cluster
has answered the Nth call that changes it. Its answer is that call, or `ended` for a run that made
fewer calls.
"""

import os
import signal
import sys
from itertools import count
from pathlib import Path
from typing import Any

from tasks.kubernetes import cluster as k8s
from tasks.storms import recovery
from tests.storms.ground import Ground


def main() -> None:
    results, namespace, node = sys.argv[1:]
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            run_and_die(Path(results), namespace, node, int(line))
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            os.write(1, b"ended\n")


def run_and_die(results: Path, namespace: str, node: str, last: int) -> None:
    """Run until the last call; the process never returns from it."""
    try:
        die_after(last)
        recovery.SETTLE_SECONDS = 0.3
        ground = Ground(k8s.connect(None, namespace), {"namespace": namespace}, [])
        ground.run_storms(
            results,
            storm_volumes=["local"],
            storms=["drain"],
            storm_nodes=f"kubernetes.io/hostname={node}",
            hold_seconds=1,
            recovery_limit_seconds=180,
            writes_per_second=20,
        )
    finally:
        os._exit(0)


def die_after(last: int) -> None:
    """Kill this process with the answer to its Nth call that changes something.

    Deletions of pods do not count: a pod may be gone with its Deployment before its turn comes. Nor
    do renewals of the Lease: how many there are is a matter of time. A question for permissions
    changes nothing, and nor does a dry run.
    """
    calls, request = count(1), k8s.request

    def counted(cluster: Any, method: str, path: str, **more: Any) -> Any:
        response = request(cluster, method, path, **more)
        changes = (
            method != "GET"
            and not cluster.dry_run
            and not (method == "DELETE" and "/pods/" in path)
        )
        changes &= not (method == "PUT" and "/leases/" in path)
        changes &= not path.endswith("/selfsubjectaccessreviews")
        if changes and next(calls) == last:
            os.write(1, f"{method} {path}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)
        return response

    k8s.request = counted


if __name__ == "__main__":
    main()
