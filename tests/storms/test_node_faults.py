"""Commands that break a node: what is written down before, and that `up` always runs."""

import json
import shlex
import sys
from pathlib import Path

import pytest

from tasks.kubernetes import labels, verbs
from tasks.kubernetes.errors import ClusterError
from tasks.lifecycle import cordon, node_commands
from tasks.lifecycle.cleanup import release
from tasks.lifecycle.cordon import NotRestored
from tasks.lifecycle.reap import reap
from tasks.plan.node_fault import NodeFault
from tasks.plan.plan import Plan
from tests.storms.ground import Ground

NODE = "w2"
MARK = {"run": "20261123-031500-a1b2c3", "deadline": "2099-01-01T00:00:00+00:00"}
WHO = {"run_id": "20261123-031500-a1b2c3", "deadline": "2099-01-01T00:00:00+00:00"}


def python(code: str, *arguments: object) -> str:
    """A command that runs some Python; the node's name is its last argument."""
    return shlex.join([sys.executable, "-c", code, *map(str, arguments), "{node}"])


def says(path: Path, word: str) -> str:
    code = "import sys; open(sys.argv[1], 'a').write(f'{sys.argv[2]} {sys.argv[3]};')"
    return python(code, path, word)


FAILS = python("import sys; sys.exit('no such machine')")


def test_the_fault_is_written_down_before_and_undone_after(ground: Ground, tmp_path: Path) -> None:
    log = tmp_path / "log"
    fault = NodeFault(down=says(log, "down"), up=says(log, "up"))
    with node_commands.down(ground.cluster, NODE, "node-crash", fault, **WHO):
        undoing = cordon.undoing_of(verbs.get(ground.cluster, "Node", NODE))
        assert undoing is not None
        assert (undoing["fault"], undoing["run"]) == ("node-crash", WHO["run_id"])
        assert log.read_text() == f"down {NODE};"
    assert log.read_text() == f"down {NODE};up {NODE};"
    assert cordon.undoing_of(verbs.get(ground.cluster, "Node", NODE)) is None


def test_nothing_is_broken_that_could_not_be_written_down(ground: Ground, tmp_path: Path) -> None:
    fault = NodeFault(down=says(tmp_path / "log", "down"), up=says(tmp_path / "log", "up"))
    cordon.cordon(ground.cluster, NODE, **WHO)
    try:
        with (
            pytest.raises(ClusterError, match=f"has a storm on {NODE}, and one node"),
            node_commands.down(ground.cluster, NODE, "node-crash", fault, **WHO),
        ):
            pass
    finally:
        cordon.uncordon(ground.cluster, NODE)
    assert not (tmp_path / "log").exists()


def test_up_runs_when_down_fails(ground: Ground, tmp_path: Path) -> None:
    fault = NodeFault(down=FAILS, up=says(tmp_path / "log", "up"))
    with (
        pytest.raises(ClusterError, match="exit status 1: no such machine"),
        node_commands.down(ground.cluster, NODE, "node-crash", fault, **WHO),
    ):
        pass
    assert (tmp_path / "log").read_text() == f"up {NODE};"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ClusterError])
def test_up_runs_when_the_storm_ends_early(
    ground: Ground, tmp_path: Path, kind: type[BaseException]
) -> None:
    fault = NodeFault(down=says(tmp_path / "log", "down"), up=says(tmp_path / "log", "up"))
    with (
        pytest.raises(kind),
        node_commands.down(ground.cluster, NODE, "node-crash", fault, **WHO),
    ):
        raise kind
    assert (tmp_path / "log").read_text() == f"down {NODE};up {NODE};"


@pytest.mark.usefixtures("nobody_lives")
def test_a_node_that_did_not_come_up_stays_written_down(ground: Ground, tmp_path: Path) -> None:
    fault = NodeFault(down=says(tmp_path / "log", "down"), up=FAILS)
    owner = {"name": f"stormark-{WHO['run_id']}", "labels": labels.of_run(WHO["run_id"])}
    verbs.create(ground.cluster, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": owner})
    try:
        with (
            pytest.raises(NotRestored, match="no such machine"),
            node_commands.down(ground.cluster, NODE, "node-crash", fault, **WHO),
        ):
            pass
        undoing = cordon.undoing_of(verbs.get(ground.cluster, "Node", NODE))
        assert undoing is not None
        assert undoing["fault"] == "node-crash"
        (remains,) = reap(ground.cluster, dry_run=True)
        assert f"Node/{NODE} (node-crash, may be down)" in remains.objects
        with pytest.raises(ClusterError, match=f"node {NODE} may still be down from storm"):
            reap(ground.cluster, dry_run=False)
        assert cordon.undoing_of(verbs.get(ground.cluster, "Node", NODE)) == undoing
        mends = NodeFault(down=FAILS, up=says(tmp_path / "mended", "up"))
        reap(ground.cluster, dry_run=False, plan=Plan(node_fault=mends))
        assert (tmp_path / "mended").read_text() == f"up {NODE};"
        assert cordon.undoing_of(verbs.get(ground.cluster, "Node", NODE)) is None
    finally:
        cordon.uncordon(ground.cluster, NODE)


def test_a_node_that_stays_down_keeps_no_other_from_its_mending(ground: Ground) -> None:
    """The message says what remains, and how it goes."""
    down = ("w1", NODE)
    fault = NodeFault(
        down=FAILS, up=python("import sys; sys.exit('stays down' if sys.argv[1] == 'w1' else 0)")
    )
    try:
        for node in down:  # a run of an earlier version, that broke the next one as well
            mark = {"was_schedulable": False, "fault": "node-crash", **MARK}
            annotations = {
                cordon.ANNOTATION: json.dumps(mark | {"namespace": ground.cluster.namespace})
            }
            verbs.patch(ground.cluster, "Node", node, {"metadata": {"annotations": annotations}})
        with pytest.raises(ClusterError, match=r"stays down.*is still there until `stormark reap"):
            release(ground.cluster, WHO["run_id"], Plan(node_fault=fault))
        left = [cordon.undoing_of(verbs.get(ground.cluster, "Node", node)) for node in down]
        assert [undoing is None for undoing in left] == [False, True]
    finally:
        for node in down:
            cordon.uncordon(ground.cluster, node)


def test_no_shell_reads_a_command(tmp_path: Path) -> None:
    node_commands.run_command(says(tmp_path / "log", "$(id) > x | y"), NODE)
    assert (tmp_path / "log").read_text() == f"$(id) > x | y {NODE};"


def test_a_command_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_commands, "COMMAND_LIMIT_SECONDS", 0.2)
    with pytest.raises(ClusterError, match="not ended after 0 s"):
        node_commands.run_command(python("import signal; signal.pause()"), NODE)


def test_a_command_that_is_not_there_is_named() -> None:
    with pytest.raises(ClusterError, match="running `no-such-tool w2`: No such file"):
        node_commands.run_command("no-such-tool {node}", NODE)


@pytest.mark.parametrize("command", ["reboot", "stop '{node}"])
def test_a_command_without_a_node_or_with_an_open_quotation_is_refused(command: str) -> None:
    with pytest.raises(ValueError, match=r"node|quotation"):
        NodeFault(down=command, up="start {node}")
