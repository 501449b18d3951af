"""A round's volumes: in which order they are provisioned, and on which node they are."""

from dataclasses import replace
from typing import Any

import pytest

from flows import benchmark
from tasks.lifecycle.record import Record
from tasks.lifecycle.run import Run
from tasks.provision import provision
from tasks.provision.provision import Subject, tied_first
from tasks.provision.volumes import Volume
from tests.tasks.api import Api
from tests.tasks.sample import make_run, make_volume


def subject(name: str, binding: str = "WaitForFirstConsumer") -> Subject:
    storage_class = {"metadata": {"name": name}, "volumeBindingMode": binding}
    return Subject(name, 0, storage_class)


def nodes_of(
    run: Run, order: list[Subject], tied: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """On which node each volume of a round of w1 is, in the order in which they were made.

    Those that are `tied` are where their own node is, all others where they are asked to be.
    """

    def made(_: Run, __: object, of: Subject, number: int, node: str | None) -> Volume:
        volume = make_volume(of.name)
        where = tied.get(of.name, node)
        job = replace(volume.job, pod={"spec": {"nodeName": where}, "metadata": {}})
        return replace(volume, job=job, row=replace(volume.row, node=where, round=number))

    def plain(function: Any, _: str) -> Any:
        return function

    monkeypatch.setattr(benchmark, "step", plain)
    monkeypatch.setattr(provision, "provision", made)
    known = Record(run, "benchmark", [], [], "")
    rounds = benchmark._Rounds(run, [], known, lambda _: None, lambda *_: None, 3)
    came = benchmark._provisioned(rounds, 1, tied_first(order), "w1")
    return {volume.storage_class: volume.node for volume in came}


def test_an_immediate_class_that_chose_its_node_is_the_first_and_all_follow_it(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever their order was: a class that can be anywhere is never apart from the others."""
    run = make_run(api.cluster)
    order = [subject("reference"), subject("tied", "Immediate"), subject("other")]
    found = nodes_of(run, order, {"tied": "w3"}, monkeypatch)
    assert list(found) == ["tied", "reference", "other"]
    assert set(found.values()) == {"w3"}


def test_a_class_that_can_be_nowhere_else_takes_nobody_with_it(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The twin: the ones before and after it stay together, on the round's node."""
    run = make_run(api.cluster)
    order = [subject("reference"), subject("tied"), subject("other")]
    found = nodes_of(run, order, {"tied": "w3"}, monkeypatch)
    assert found == {"reference": "w1", "tied": "w3", "other": "w1"}
