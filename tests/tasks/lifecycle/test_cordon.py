"""Undoing what was done to a node that is there no more."""

import json
from functools import partial

import pytest

from tasks.lifecycle import cordon
from tests.tasks.api import Answer, Api

NODE = "/api/v1/nodes/w1"


def test_a_node_that_is_gone_has_nothing_to_undo(api: Api) -> None:
    """An autoscaler has removed it during its drain: the storms after that go on."""
    api.script("GET", NODE, Answer.refusal(404, "NotFound"))
    with cordon.restored(
        "w1", "cordoned", "kubectl …", partial(cordon.uncordon, api.cluster, "w1")
    ):
        pass
    assert [request.method for request in api.requests] == ["GET"]


def test_one_that_goes_while_it_is_undone_has_none_either(api: Api) -> None:
    mark = {"run": "r", "namespace": "n", "deadline": "", "was_schedulable": True}
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
