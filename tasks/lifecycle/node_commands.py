"""Faults of a whole node, by commands of the user's own that run on the client."""

import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from tasks.kubernetes.cluster import Cluster
from tasks.kubernetes.errors import ClusterError
from tasks.lifecycle import cordon, out_of_service
from tasks.plan.node_fault import NodeFault

COMMAND_LIMIT_SECONDS = 300.0


def run_command(command: str, node: str) -> None:
    """Run a command, without a shell, with the node's name in place of {node}.

    Raises ClusterError that has the command, its exit status and its last words.
    """
    arguments = [part.replace("{node}", node) for part in shlex.split(command)]
    what, advice = f"running `{shlex.join(arguments)}`", "Run it by hand to see why"
    try:
        ended = subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=COMMAND_LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        limit = f"not ended after {COMMAND_LIMIT_SECONDS:.0f} s"
        raise ClusterError(f"{what}: {limit}. {advice}") from error
    except OSError as error:
        raise ClusterError(f"{what}: {error.strerror}. Is it installed on this client?") from error
    if ended.returncode:
        words = ended.stderr.strip()[-500:] or "nothing on stderr"
        raise ClusterError(f"{what}: exit status {ended.returncode}: {words}. {advice}")


@contextmanager
def down(
    cluster: Cluster, node: str, storm: str, fault: NodeFault, *, run_id: str, deadline: str
) -> Iterator[None]:
    """Keep a node down for the block; `up` runs however it ends, also when `down` fails.

    The fault is written on the node before, and removed only once `up` has succeeded: what stays
    there is a node that may still be down, and NotRestored says so. The commands are never read
    from the cluster.
    """
    cordon.record_fault(cluster, node, storm, run_id=run_id, deadline=deadline)

    reap = f"stormark reap {cluster.options} --plan PLAN"
    with cordon.restored(node, f"down from {storm}", reap, partial(_up, cluster, node, fault)):
        run_command(fault.down, node)
        yield


def _up(cluster: Cluster, node: str, fault: NodeFault) -> None:
    """Undo what was done to a node, the taint first: it is for one that is off."""
    try:
        out_of_service.end(cluster, node)
    finally:
        run_command(fault.up, node)
    cordon.uncordon(cluster, node)


def mend(cluster: Cluster, node: str, storm: str, known: Mapping[str, NodeFault]) -> None:
    """Run `up` on a node that a run has left broken; `known` are a plan's commands by their storm.

    Its taint goes in any case. Raises ClusterError, which says what to do, where they are not
    known, or `up` fails.
    """
    if storm not in known:
        out_of_service.end(cluster, node)
        raise ClusterError(
            f"cleaning up: node {node} may still be down from storm {storm}, and how to mend it "
            f"is not known. `stormark reap {cluster.options} --plan PLAN` runs the "
            f"`up` of its plan; if the node is up, `{cordon.unmark(node)}` says so"
        )
    _up(cluster, node, known[storm])
