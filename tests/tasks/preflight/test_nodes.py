"""Checks of nodes, by what the API says of them and by what a probe saw there."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tasks.kubernetes.manifest import FOLDER
from tasks.kubernetes.nodes import usable
from tasks.kubernetes.objects import Obj
from tasks.plan.job_file import prepare
from tasks.plan.node_fault import NodeFault
from tasks.plan.plan import Plan, Toleration
from tasks.plan.vocabulary import FOLDER_KINDS
from tasks.preflight import nodes, provenance
from tasks.preflight.nodes import Seen
from tasks.results.checks import Check, skips
from tests.storms.scripts import SHELLS
from tests.tasks.sample import read

CONTROL_PLANE = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


def a_node(spec: Obj | None = None, **conditions: str) -> Obj:
    stated = [{"type": t, "status": s, "message": "it said so"} for t, s in conditions.items()]
    return {
        "metadata": {"name": "n1", "labels": {"disk": "ssd"}},
        "spec": spec or {},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}, *stated],
            "nodeInfo": {"kernelVersion": "6.1.0"},
        },
    }


@pytest.mark.parametrize(
    ("node", "status", "seen"),
    [
        (a_node(), "pass", "ready"),
        (a_node(Ready="Unknown"), "warn", "not ready: it said so"),
        (a_node(DiskPressure="True"), "warn", "DiskPressure"),
        (a_node(DiskPressure="False"), "pass", "ready"),
        (a_node({"unschedulable": True}), "warn", "cordoned"),
        (
            a_node({"taints": [CONTROL_PLANE]}),
            "pass",
            "ready, not used: taint node-role.kubernetes.io/control-plane:NoSchedule",
        ),
        (a_node({"taints": [{"key": "spot", "effect": "PreferNoSchedule"}]}), "pass", "ready"),
    ],
    ids=["ready", "lost", "pressed", "well", "cordoned", "control plane", "preference"],
)
def test_a_node(node: Obj, status: str, seen: str) -> None:
    """A control plane that takes no pods is as it should be, and no warning each night."""
    check = nodes.node(node, Plan())
    assert (check.object, check.status, check.seen) == ("node n1", status, seen)
    assert usable(node, Plan()) == (seen == "ready")


def test_a_node_of_another_system_is_never_used() -> None:
    """It is Ready and has no taint: the pods would wait there for an image that is not theirs."""
    windows, linux = a_node(), a_node()
    windows["metadata"]["labels"] |= {"kubernetes.io/os": "windows"}
    linux["metadata"]["labels"] |= {"kubernetes.io/os": "linux"}
    assert nodes.node(windows, Plan()).seen == "ready, not used: it runs windows"
    assert [usable(node, Plan()) for node in (windows, linux)] == [False, True]


@pytest.mark.parametrize("status", [{}, None])
def test_a_node_that_says_nothing_of_itself(status: Obj | None) -> None:
    """One that has registered, and whose kubelet has not reported: a line, and no pod."""
    node = a_node() | {"status": status, "spec": None}
    check = nodes.node(node, Plan())
    assert (check.status, check.seen) == ("warn", "its status is empty: no kubelet has reported")
    assert not usable(node, Plan())
    assert provenance.node(node).kernel is None


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        ({"key": "team", "operator": "Exists"}, True),
        ({"key": "team", "operator": "Equal", "value": "db"}, True),
        ({"key": "team", "operator": "Equal", "value": "web"}, False),
        ({"operator": "Exists"}, True),
        ({"key": "team", "effect": "NoSchedule"}, False),
        ({"key": "other"}, False),
    ],
)
def test_a_taint_that_the_plan_tolerates(toleration: dict[str, Any], tolerated: bool) -> None:
    """By the rules of Kubernetes."""
    node = a_node({"taints": [{"key": "team", "value": "db", "effect": "NoExecute"}]})
    plan = Plan(tolerations=[Toleration.model_validate(toleration)])
    assert usable(node, plan) == tolerated


def test_a_node_that_the_plan_does_not_select() -> None:
    """Its pods never go there."""
    assert usable(a_node(), Plan(node_selector={"disk": "ssd"}))
    assert not usable(a_node(), Plan(node_selector={"disk": "hdd"}))


@pytest.mark.parametrize(
    ("ready", "drainable", "flow", "statuses"),
    [
        (["a", "b"], ["a", "b"], "nightly", ["pass"]),
        (["a"], ["a"], "nightly", ["pass", "warn"]),
        (["a"], [], "storms", ["pass", "warn", "warn"]),
        (["a"], ["a"], "benchmark", ["pass"]),
        ([], [], "benchmark", ["warn"]),
    ],
)
def test_enough(ready: list[str], drainable: list[str], flow: str, statuses: list[str]) -> None:
    """None is a warning only: an autoscaler adds nodes when there are pods for them."""
    checks = nodes.enough(ready, drainable, flow, Plan())
    assert [check.status for check in checks] == statuses


def test_volumes_that_are_folders_of_a_node_are_skipped_where_there_is_none() -> None:
    """As on a cluster that is one control plane alone; a plan without such volumes is not told."""
    plan = Plan(storms=["pod-kill"], storm_volumes=["hostPath", "local", "storage-classes"])
    _, check = nodes.enough(["a"], [], "storms", plan)
    assert "hostPath, local are folders of one" in check.seen
    assert skips([check]).keys() == {*FOLDER_KINDS}
    assert skips(nodes.enough(["a"], ["a"], "storms", plan)) == {}
    classes = plan.model_copy(update={"storm_volumes": ["storage-classes"]})
    assert skips(nodes.enough(["a"], [], "storms", classes)) == {}


def probed(
    facts: dict[str, str], offset: float = 0.0, claims: int = 1, **plan: Any
) -> dict[str, Check]:
    """What is made of a probe that took two seconds on a node whose clock is off."""
    seen = Seen(facts, created=100.0, first=101.0 + offset, last=101.1 + offset, ended=102.0)
    chosen = Plan(**plan)
    workload = prepare(chosen) if chosen.fio_file is None else read(chosen)
    checks = nodes.probed(seen, a_node(), chosen, workload, claims)
    return {check.check: check for check in checks}


def test_a_probe_that_says_little() -> None:
    """Some sandboxes hide /proc: a limit that nobody saw is not one that was kept."""
    assert {check: row.status for check, row in probed({}).items()} == {
        "image": "pass",
        "clock": "pass",
        "kernel": "pass",
        "asynchronous I/O": "warn",
        "free space": "warn",
    }


@pytest.mark.parametrize(
    ("offset", "status"), [(0.0, "pass"), (1.5, "pass"), (3.0, "warn"), (-3.0, "warn")]
)
def test_clock(offset: float, status: str) -> None:
    """Only an offset that the pod's own time cannot explain is one."""
    assert probed({}, offset)["clock"].status == status


def test_clock_says_its_bounds() -> None:
    """The true offset lies between them."""
    assert probed({}, -3.0)["clock"].seen == "-3.9 to -2.0 s from this client's clock"


def test_kernel_of_a_sandbox() -> None:
    """gVisor and Kata have another kernel than their node."""
    assert probed({"kernel": "6.1.0"})["kernel"].status == "pass"
    sandboxed = probed({"kernel": "4.4.0"})["kernel"]
    assert sandboxed.status == "warn"
    assert "4.4.0" in sandboxed.seen


@pytest.mark.parametrize(("used", "status"), [("0", "pass"), ("65500", "warn")])
def test_asynchronous_io(used: str, status: str) -> None:
    """What others hold is not there for fio, whose four jobs take theirs at once."""
    check = probed({"aio_max_nr": "65536", "aio_nr": used}, profile="kubestr")["asynchronous I/O"]
    assert check.status == status
    assert "take 256 at once" in check.seen


@pytest.mark.parametrize(("depth", "taken"), [("1k", "1,024"), ("0x20", "32")])
def test_asynchronous_io_of_an_own_file(depth: str, taken: str) -> None:
    """A depth is read as fio reads it."""
    own = f"[a]\niodepth={depth}\nnumjobs=0x1\ngroup_reporting\n"
    check = probed({"aio_max_nr": "65536", "aio_nr": "0"}, fio_file=own)["asynchronous I/O"]
    assert f"take {taken} at once" in check.seen


@pytest.mark.parametrize(
    ("free", "claims", "status"), [(4, 1, "pass"), (3, 1, "warn"), (12, 3, "pass"), (11, 3, "warn")]
)
def test_free_space(free: int, claims: int, status: str) -> None:
    """Classes may keep their volumes on the node's disk, and all of them on the same node's."""
    facts = {"free_bytes": str(free * 2**30)}
    check = probed(facts, claims=claims, volume_size="4Gi")["free space"]
    assert check.status == status
    assert check.seen.startswith(f"{free}.0 GiB free on the node's disk; ")
    assert check.seen.endswith(f"the run's PVCs, if all lie there, {claims * 4}.0 GiB")


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_the_probe_says_each_fact(shell: list[str], tmp_path: Path) -> None:
    """Whole, whichever way the shell reads a file."""
    (tmp_path / "volume").mkdir()
    said = subprocess.run(
        [*shell, FOLDER / "probe.sh"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    facts = dict(line.split()[1:] for line in said.stdout.splitlines())
    assert facts.keys() == {"kernel", "aio_max_nr", "aio_nr", "free_bytes"}
    assert facts["kernel"] == os.uname().release
    assert facts["aio_max_nr"] == Path("/proc/sys/fs/aio-max-nr").read_text().strip()


def test_commands_that_break_a_node_are_on_the_client() -> None:
    """Above all the one that mends it: without it nothing is broken."""
    fault = {"down": "sh -c 'off {node}'", "up": "no-such-tool {node}"}
    plan = Plan(storms=["node-crash"], node_fault=NodeFault(**fault))
    _, *checks = nodes.enough(["w1"], ["w1"], "storms", plan)
    assert [(check.object, check.status) for check in checks] == [
        ("command sh", "pass"),
        ("command no-such-tool", "fail"),
    ]
    assert checks[1].advice == "Install it here, or correct node_fault"
    assert len(nodes.enough(["w1"], ["w1"], "benchmark", plan)) == 1
