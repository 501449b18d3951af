"""Undoing what was done to a node that is there no more."""

import json
from functools import partial

import pytest

from tasks.kubernetes.objects import Obj
from tasks.lifecycle import cordon
from tests.tasks.api import Answer, Api

NODE = "/api/v1/nodes/w1"
RUN = "20261123-031500-a1b2c3"
MARK: dict[str, str | bool] = {
    "run": RUN,
    "namespace": "n",
    "deadline": "2026-11-23T09:15:00+00:00",
    "was_schedulable": True,
    "storm": "0a1b2c3d",
}


def test_a_node_that_is_gone_has_nothing_to_undo(api: Api) -> None:
    """An autoscaler has removed it during its drain: the storms after that go on."""
    api.script("GET", NODE, Answer.refusal(404, "NotFound"))
    with cordon.restored(
        "w1", "cordoned", "kubectl …", partial(cordon.uncordon, api.cluster, "w1")
    ):
        pass
    assert [request.method for request in api.requests] == ["GET"]


def test_one_that_goes_while_it_is_undone_has_none_either(api: Api) -> None:
    mark = {"run": RUN, "namespace": "n", "deadline": "", "was_schedulable": True}
    text = json.dumps(mark)
    meta = {"name": "w1", "annotations": {cordon.ANNOTATION: text}}
    api.script("GET", NODE, Answer.of({"metadata": meta, "spec": {}}))
    api.script("PATCH", NODE, Answer.refusal(404, "NotFound"))
    cordon.uncordon(api.cluster, "w1")
    assert len(api.asked("PATCH")) == 1


def test_one_that_may_not_be_looked_at_is_not_restored(api: Api) -> None:
    api.script("GET", NODE, Answer.refusal(403, "Forbidden"))
    undo = partial(cordon.uncordon, api.cluster, "w1")
    with pytest.raises(cordon.NotRestored), cordon.restored("w1", "cordoned", "kubectl …", undo):
        pass


def marked(mark: object) -> Obj:
    """A node with what somebody wrote on it."""
    return {"metadata": {"name": "w1", "annotations": {cordon.ANNOTATION: json.dumps(mark)}}}


@pytest.mark.parametrize("more", [{}, {"fault": "node-crash"}, {"later": "field"}])
def test_what_a_run_writes_is_read(more: dict[str, str | bool]) -> None:
    assert cordon.undoing_of(marked(MARK | more)) == MARK | more


@pytest.mark.parametrize(
    "other",
    [
        {"run": "r"},
        {"run": f"{RUN}; true"},
        {"run": None},
        {"namespace": "n; rm -rf ~"},
        {"namespace": "-n"},
        {"namespace": ""},
        {"deadline": "\x1b[2J"},
        {"fault": "node-crash`id`"},
        {"fault": {}},
        {"was_schedulable": "yes"},
    ],
)
def test_what_no_run_writes_is_not(other: Obj) -> None:
    """It would stand in a command that a person is told to type."""
    mark = cordon.undoing_of(marked(MARK | other))
    assert mark is not None
    assert (mark["run"], mark["namespace"], mark["was_schedulable"]) == ("", "", False)
    assert "cannot be read" in cordon.holder("w1", mark)
    assert cordon.holder("w1", MARK).count(RUN) == 1
