"""The form that Prefect shows for a run: it is built from a flow's parameter schema alone."""

from collections.abc import Callable
from typing import Any, get_args

import pytest
from prefect import Flow
from prefect.exceptions import ParameterTypeError
from prefect.utilities.callables import parameter_schema

from flows.benchmark import compare
from flows.nightly import nightly
from flows.preflight import preflight
from flows.reap import release_dead_runs
from flows.report import render_again
from flows.storms import survive
from tasks.plan.plan import AccessMode, Plan, Profile, Toleration, VolumeMode

AnyFlow = Flow[..., Any]
every_run = pytest.mark.parametrize("flow", [compare, survive, nightly], ids=lambda f: f.name)


def form_of(flow: Callable[..., Any]) -> dict[str, Any]:
    return dict(parameter_schema(flow).model_dump())


@every_run
def test_a_run_can_be_started_as_the_form_opens(flow: AnyFlow) -> None:
    """Nothing has to be filled in, and what is shown is the default plan."""
    form = form_of(flow)
    assert form["required"] == []
    assert form["properties"]["plan"]["default"] == Plan().model_dump()
    assert flow.validate_parameters({}) == {"plan": Plan()}


@every_run
def test_each_field_says_what_it_is(flow: AnyFlow) -> None:
    """A title, a description and a literal default, in the plan and in a toleration."""
    form = form_of(flow)
    assert form["properties"]["plan"]["description"]
    for model in (Plan, Toleration):
        fields = form["definitions"][model.__name__]["properties"]
        assert list(fields) == list(model.model_fields)
        for name, field in fields.items():
            assert {"title", "description", "default"} <= set(field), name


@every_run
def test_a_choice_is_a_list_of_its_values(flow: AnyFlow) -> None:
    """The form offers them; nobody has to know how they are written."""
    fields = form_of(flow)["definitions"]["Plan"]["properties"]
    for name, choices in (
        ("profile", Profile),
        ("access_mode", AccessMode),
        ("volume_mode", VolumeMode),
    ):
        assert fields[name]["enum"] == list(get_args(choices))
    assert "drain" in fields["storms"]["items"]["enum"]
    assert "emptyDir" in fields["storm_volumes"]["items"]["enum"]


@every_run
@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"round": 5}, "plan.round"),
        ({"tolerations": [{"kye": "disk"}]}, "plan.tolerations.0.kye"),
        ({"rounds": 0}, "plan.rounds"),
        ({"profile": "fast"}, "plan.profile"),
        ({"storms": ["node-crash"]}, "plan.node_fault"),
        ({"node_fault": {"down": "off {node}"}}, "plan.node_fault.up"),
        ({"results": "s3://KEY:secret@bucket"}, "plan.results"),
    ],
)
def test_a_wrong_parameter_is_refused(flow: AnyFlow, plan: dict[str, Any], words: str) -> None:
    """Also when it comes from the API, past the form; the schema allows no other key."""
    with pytest.raises(ParameterTypeError, match=words):
        flow.validate_parameters({"plan": plan})
    definitions = form_of(flow)["definitions"]
    assert not any(definition["additionalProperties"] for definition in definitions.values())


def test_the_form_of_reap_says_what_it_is() -> None:
    """Each field is described, and none required."""
    form = form_of(release_dead_runs)
    assert form["required"] == []
    assert list(form["properties"]) == [
        "context",
        "namespace",
        "image",
        "dry_run",
        "node_fault",
        "node_partition",
        "flow_run",
    ]
    assert all(field["description"] for field in form["properties"].values())


def test_the_form_of_preflight_offers_the_flows() -> None:
    """It takes the plan of a run, and the flow as a drop-down."""
    form = form_of(preflight)
    assert form["required"] == []
    fields = form["properties"]
    assert fields["plan"]["default"] == Plan().model_dump()
    assert fields["flow"]["enum"] == ["benchmark", "storms", "nightly"]
    assert all(field["description"] for field in fields.values())


def test_the_form_of_report_takes_one_run_or_several() -> None:
    """Only the runs have to be filled in, one a line."""
    form = form_of(render_again)
    assert form["required"] == ["runs"]
    runs, results = form["properties"]["runs"], form["properties"]["results"]
    assert (runs["type"], runs["items"], runs["minItems"]) == ("array", {"type": "string"}, 1)
    assert results["default"] == "results"
    assert runs["description"]
    assert results["description"]
