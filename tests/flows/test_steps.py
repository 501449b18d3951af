"""A function as a task: what an interrupt becomes that Prefect's engine meets."""

import pytest
from prefect import Task

from flows.steps import step


def nothing() -> None:
    """What a step does here."""


def test_an_interrupt_that_the_engine_lost_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It came before the task's run was set, and Prefect's own ValueError took its place."""

    def interrupted(*_: object, **__: object) -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise ValueError("Task run is not set")

    monkeypatch.setattr(Task, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        step(nothing, "a step")()


def test_any_other_error_is_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that came of another."""

    def defect(*_: object, **__: object) -> None:
        try:
            dict[str, str]()["a"]
        except KeyError as error:
            raise ValueError("b") from error

    monkeypatch.setattr(Task, "__call__", defect)
    with pytest.raises(ValueError, match="b"):
        step(nothing, "a step")()
