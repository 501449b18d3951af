"""The plan: what a person may write, what the form shows, and how a mistake is named."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from tasks.plan.plan import Plan, PlanError, Toleration
from tasks.plan.plan_file import load
from tasks.plan.pod import Pod, Resources, SecurityContext
from tasks.plan.quantity import quantity_bytes, quantity_cpus
from tasks.plan.requirements import SHIPPED, Requirement


@pytest.mark.parametrize("model", [Plan, Toleration, Pod, Resources, SecurityContext, Requirement])
def test_each_field_has_a_literal_default_and_a_description(model: type[BaseModel]) -> None:
    """A form is built from the JSON schema alone: a default made by a function is not in it."""
    fields: dict[str, Any] = model.model_json_schema()["properties"]
    assert set(fields) == set(model.model_fields)
    for name, field in fields.items():
        assert "default" in field, f"{name} shows no default"
        assert len(field["description"]) > 10, f"{name} is not described"


def test_the_schema_s_defaults_are_the_plan_s() -> None:
    """The form shows what runs."""
    fields = Plan.model_json_schema()["properties"]
    assert {name: field["default"] for name, field in fields.items()} == Plan().model_dump()


def test_an_unknown_field_is_refused_with_those_that_exist(tmp_path: Path) -> None:
    """A misspelt field is not ignored."""
    file = tmp_path / "plan.yaml"
    file.write_text("round: 5\n")
    with pytest.raises(PlanError, match=r"plan field round: there is no such field.* rounds,"):
        load(file, {})


def test_an_unknown_field_of_a_toleration_is_refused_with_a_toleration_s_fields() -> None:
    """The fields that are named are those of the place where the mistake is."""
    with pytest.raises(PlanError) as refused:
        load(None, {"tolerations": [{"kye": "disk"}]})
    message = str(refused.value)
    assert message == (
        "plan field tolerations.0.kye: there is no such field; "
        "fields are key, operator, value, effect"
    )


@pytest.mark.parametrize(
    ("values", "field", "allowed"),
    [
        (
            {"profile": "fast"},
            "profile",
            "'quick', 'standard', 'kubestr', 'wal' or 'sustained', not 'fast'",
        ),
        ({"rounds": 0}, "rounds", "greater than or equal to 1, not 0"),
        ({"rounds": 101}, "rounds", "less than or equal to 100, not 101"),
        ({"runtime_seconds": 0}, "runtime_seconds", "greater than or equal to 1"),
        ({"ramp_seconds": -1}, "ramp_seconds", "greater than or equal to 0"),
        ({"volume_size": "63Mi"}, "volume_size", "at least 64Mi"),
        ({"volume_size": "4 GB"}, "volume_size", "not '4 GB'"),
        ({"volume_size": 4}, "volume_size", "valid string, not 4"),
        ({"access_mode": "RWO"}, "access_mode", "'ReadWriteOnce'"),
        ({"volume_mode": "block"}, "volume_mode", "'Filesystem' or 'Block', not 'block'"),
        ({"storage_classes": "fast"}, "storage_classes", "valid list, not 'fast'"),
        ({"storage_classes": ["Fast"]}, "storage_classes.0", "not 'Fast'"),
        ({"namespace": "My_Space"}, "namespace", "not 'My_Space'"),
        ({"image": ""}, "image", "at least 1 character"),
        ({"results": ""}, "results", "at least 1 character"),
        ({"run_limit_seconds": 59}, "run_limit_seconds", "greater than or equal to 60"),
        ({"tolerations": [{"effect": "Never"}]}, "tolerations.0.effect", "'NoSchedule'"),
        ({"requirements": {"*": {"min_iops": 1}}}, "requirements.*.min_iops", "min_read_iops, "),
        ({"requirements": {"a": {"min_read_iops": 0}}}, "requirements.a.min_read_iops", "0, not 0"),
        (
            {"storage_classes": ["a"], "requirements": {"b": {}}},
            "requirements",
            "by class of the plan: a, or * for all, not {'b': {}}",
        ),
        ({"references": {"a": "gp9"}}, "references", "by the name of a specification: ebs-gp3, "),
        (
            {
                "specifications": {
                    "x": {"title": "x", "source": "x", "limits": [{"figure": "iops", "depth": 1}]}
                }
            },
            "specifications.x.limits.0.depth",
            "fields are figure, value, ",
        ),
        ({"pod": {"command": ["sh"]}}, "pod.command", "fields are labels, annotations, "),
        ({"pod": {"volumes": []}}, "pod.volumes", "there is no such field"),
        (
            {"pod": {"resources": {"claims": {}}}},
            "pod.resources.claims",
            "there is no such field; fields are requests, limits",
        ),
        (
            {"pod": {"security_context": {"privileged": True}}},
            "pod.security_context.privileged",
            "fields are given_by_cluster, run_as_user, run_as_group, fs_group",
        ),
        (
            {"pod": {"resources": {"limits": {"memory": "much"}}}},
            "pod.resources.limits.memory",
            "a Kubernetes quantity such as 500m or 1Gi, not 'much'",
        ),
        (
            {"pod": {"security_context": {"given_by_cluster": True, "fs_group": 1}}},
            "pod.security_context",
            "with given_by_cluster no user and no group",
        ),
    ],
)
def test_a_wrong_value_names_its_field_and_what_is_allowed(
    values: dict[str, Any], field: str, allowed: str
) -> None:
    """Whoever reads the message can mend the plan without reading code."""
    with pytest.raises(PlanError) as refused:
        load(None, values)
    message = str(refused.value)
    assert message.startswith(f"plan field {field}: ")
    assert allowed in message


def test_each_wrong_field_has_a_line() -> None:
    """All mistakes are said at once."""
    with pytest.raises(PlanError) as refused:
        load(None, {"rounds": 0, "profile": "fast"})
    assert [line.split(":")[0] for line in str(refused.value).splitlines()] == [
        "plan field profile",
        "plan field rounds",
    ]


def test_what_a_field_of_before_is_now_is_said(tmp_path: Path) -> None:
    """A plan of a file, of a deployment, of an old report: what to write instead."""
    file = tmp_path / "plan.yaml"
    file.write_text("repeats: 5\n")
    answer = "plan field repeats: write `rounds: 5` in its place. A round is a new volume"
    with pytest.raises(PlanError) as refused:
        load(file, {})
    assert str(refused.value).startswith(answer)
    with pytest.raises(ValidationError, match="write `rounds: 5` in its place"):
        Plan.model_validate({"repeats": 5})


def test_overrides_come_before_the_file_s_values(tmp_path: Path) -> None:
    """The command line wins over the file, and the file over the default."""
    file = tmp_path / "plan.yaml"
    file.write_text("rounds: 5\nprofile: wal\nstorage_classes: [fast, slow]\n")
    plan = load(file, {"profile": "quick"})
    assert (plan.rounds, plan.profile, plan.storage_classes) == (5, "quick", ["fast", "slow"])
    assert plan.volume_size == "4Gi"


def test_an_empty_file_is_the_default_plan(tmp_path: Path) -> None:
    """A file with nothing but comments changes nothing."""
    file = tmp_path / "plan.yaml"
    file.write_text("# nothing yet\n")
    assert load(file, {}) == load(None, {}) == Plan()


def test_a_plan_survives_being_written_and_read(tmp_path: Path) -> None:
    """The plan in a run's row is enough to repeat the run."""
    plan = Plan(
        storage_classes=["fast"],
        fio_file="; é\n[a]\nrw=read\n",
        runtime_seconds=5,
        node_selector={"disk": "ssd"},
        tolerations=[Toleration(key="storage", effect="NoSchedule")],
    )
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(plan.model_dump()))
    assert load(file, {}) == plan
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"rounds: [", "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"- quick\n", "must hold fields and values, not"),
        (b"1: 2\n", "plan field 1: "),
    ],
    ids=["broken YAML", "no text", "a list", "a number as field"],
)
def test_a_file_that_is_no_plan_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    """Whatever a file holds, the message says so; it is never a traceback."""
    file = tmp_path / "plan.yaml"
    file.write_bytes(content)
    with pytest.raises(PlanError, match=words):
        load(file, {})


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    """The path that was looked for stands in the message."""
    with pytest.raises(PlanError, match=r"plan file .*/nightly\.yaml cannot be read"):
        load(tmp_path / "nightly.yaml", {})


@pytest.mark.parametrize(
    ("quantity", "number"),
    [("4Gi", 2**32), ("1.5Gi", 3 * 2**29), ("1G", 10**9), ("500M", 5 * 10**8), ("42", 42)],
)
def test_quantities_are_bytes(quantity: str, number: int) -> None:
    """Binary suffixes count by 1,024, decimal ones by 1,000."""
    assert quantity_bytes(quantity) == number


def test_cpus_may_be_fractions() -> None:
    """500m is half a CPU."""
    assert (quantity_cpus("500m"), quantity_cpus("4")) == (0.5, 4.0)


@pytest.mark.parametrize("text", ["", "4Gb", "lots"])
def test_what_is_no_quantity_is_a_value_error(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError):
        quantity_bytes(text)


def test_a_storm_on_a_node_needs_its_commands() -> None:
    """Before anything is created; the message shows what they look like."""
    with pytest.raises(
        PlanError, match=r"plan field node_fault: storm node-crash needs it: \{down"
    ):
        load(None, {"storms": ["node-crash"]})
    with pytest.raises(PlanError, match=r"node_fault.of: there is no such field; .* down, up"):
        load(None, {"node_fault": {"down": "off {node}", "up": "on {node}", "of": "x"}})
    given = {"down": "off {node}", "up": "on {node}"}
    plan = load(None, {"storms": ["node-partition"], "node_partition": given})
    assert plan.node_faults.keys() == {"node-partition"}


def test_a_plan_names_specifications_that_are_shipped_or_its_own() -> None:
    """Of every class, or of one; a name of the plan's own stands beside those that are shipped."""
    own = {"title": "x", "source": "x", "limits": [{"figure": "iops", "value": 1}]}
    plan = Plan.model_validate({
        "storage_classes": ["a", "b"],
        "specifications": {"mine": own},
        "references": {"a": "mine", "*": SHIPPED[0]},
        "requirements": {"b": {"no_lost_records": True}},
    })  # fmt: skip
    assert plan.references == {"a": "mine", "*": SHIPPED[0]}
    assert plan.requirements["b"].no_lost_records
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
