"""Each class against what was promised of it: shares, and only where the conditions match."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from reports.decision.references import STATED, held
from reports.page.render import render
from tasks.plan.requirements import SHIPPED, Specification
from tests.reports.decision_sample import GOOD, MIB, decided, under_other_conditions, write_decision
from tests.reports.sample import RUN_ID

AT_GP3 = {"read_iops": 2_990, "write_iops": 2_000, "seq_read": 125 * MIB, "paced_4k": 0.002}
EBS, GKE, AZURE = "ebs.csi.aws.com", "pd.csi.storage.gke.io", "disk.csi.azure.com"


def shares(root: Path, jobs: dict[str, Any], **changes: Any) -> dict[str, str]:
    """Of a class `fast`: each job's share and the limit it is of."""
    found = held(decided(root, {"fast": jobs}, **changes))
    return {
        share.job: f"{share.share:.3f} of {share.promised}" for one in found for share in one.shares
    }


def of_itself(provisioner: str, **parameters: str) -> dict[str, Any]:
    """A class `fast` of a driver, with parameters."""
    row = {"provisioner": provisioner, "parameters": json.dumps(parameters)}
    return {"classes": {"fast": row}}


def test_what_is_shipped_has_the_form_of_a_plans_own() -> None:
    """Every field is known, and the names are those that a plan may say."""
    stated = yaml.safe_load(STATED.read_text())
    assert tuple(stated["specifications"]) == SHIPPED
    for name, fields in stated["specifications"].items():
        known = Specification.model_validate(fields)
        assert known.read_on or known.source.endswith("undated"), name
        assert known.source.startswith("https://") or name.startswith("lab-"), name
    assert {rule["specification"] for rule in stated["classes"]} <= set(SHIPPED)


def test_a_class_against_the_reference_of_the_plan(tmp_path: Path) -> None:
    """The lab's last step, in the report; without a reference nothing is said."""
    plan = {"references": {"fast": "ebs-gp3"}}
    report = render(write_decision(tmp_path / "1", {"fast": AT_GP3}, plan=plan), RUN_ID).markdown
    assert (
        "- **fast** against Amazon EBS gp3 (<https://docs.aws.amazon.com/ebs/latest/userguide/"
        "general-purpose.html>, read on 2026-11-27): read_iops 99.7 % of 3,000 IOPS, at its limit; "
        "write_iops 66.7 % of 3,000 IOPS; seq_read 100 % of 125 MiB/s, at its limit. Its baseline,"
    ) in report
    report = render(write_decision(tmp_path / "2", {"fast": AT_GP3}), RUN_ID).markdown
    assert "Against what is documented" not in report


@under_other_conditions
def test_a_job_under_other_conditions_has_no_share(
    tmp_path: Path, conditions: dict[str, Any]
) -> None:
    plan, jobs = {"references": {"*": "ebs-gp3"}}, {"read_iops": 2_990}
    assert shares(tmp_path / "same", jobs, plan=plan) == {"read_iops": "0.997 of 3,000 IOPS"}
    assert shares(tmp_path / "other", jobs, plan=plan, cell=conditions) == {}
    report = render(
        write_decision(tmp_path / "3", {"fast": jobs}, plan=plan, cell=conditions), RUN_ID
    ).markdown
    assert "no job ran under its conditions" in report


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (of_itself(EBS, type="gp3"), ("3,000 IOPS", "125 MiB/s")),
        (of_itself(EBS), ("3,000 IOPS", "125 MiB/s")),
        (of_itself(EBS, Type="GP3", IOPS="6000", throughput="250"), ("6,000 IOPS", "250 MiB/s")),
        (of_itself(EBS, type="gp3", iopsPerGB="1000"), ("4,000 IOPS", "125 MiB/s")),
        (of_itself(EBS, type="gp3", iopsPerGB="50"), ("3,000 IOPS", "125 MiB/s")),
        (of_itself(EBS, type="gp3", throughput="100"), ("3,000 IOPS", "125 MiB/s")),
        (of_itself(EBS, type="io1", iopsPerGB="50"), ("200 IOPS", None)),
        (of_itself(EBS, type="gp2"), ("100 IOPS", None)),
        (of_itself(EBS, type="io1", iops="5000"), ("5,000 IOPS", "1,000 MiB/s")),
        (of_itself(GKE, type="pd-balanced"), ("3,024 IOPS", "141 MiB/s")),
        (of_itself(GKE, type="pd-ssd"), ("120 IOPS", "1.92 MiB/s")),
        (
            of_itself(
                GKE,
                type="hyperdisk-balanced",
                **{
                    "provisioned-iops-on-create": "7000",
                    "provisioned-throughput-on-create": "250Mi",
                },
            ),
            ("7,000 IOPS", "250 MiB/s"),
        ),
        (of_itself(AZURE, skuName="PremiumV2_LRS"), ("3,000 IOPS", "119 MiB/s")),
        (
            of_itself(AZURE, skuName="PremiumV2_LRS", DiskIOPSReadWrite="4000"),
            ("4,000 IOPS", "119 MiB/s"),
        ),
    ],
    ids=[
        "gp3", "gp3 by default", "gp3 provisioned", "gp3 by size", "gp3 too small",
        "gp3 of less throughput", "io1 by size", "gp2", "io1", "pd-balanced",
        "pd-ssd", "hyperdisk", "premium v2", "premium v2 provisioned",
    ],
)  # fmt: skip
def test_what_a_class_says_of_itself_comes_by_itself(
    tmp_path: Path, classes: dict[str, Any], expected: tuple[str, str | None]
) -> None:
    """By its driver, its type and what it provisions, of a volume of 4 GiB."""
    jobs = {"read_iops": 30.0, "seq_read": 1 * MIB}
    said = shares(tmp_path, jobs, **classes)
    limits = [text.partition(" of ")[2] for text in said.values()]
    assert limits == [limit for limit in expected if limit]


@pytest.mark.parametrize(
    "classes",
    [
        of_itself(EBS, type="st1"),
        of_itself("rancher.io/local-path"),
        of_itself(AZURE, skuName="Standard_LRS"),
        of_itself("example.org/mine", type="gp3"),
    ],
    ids=["st1", "local-path", "standard", "another driver"],
)
def test_a_class_that_says_nothing_is_held_against_nothing(
    tmp_path: Path, classes: dict[str, Any]
) -> None:
    assert shares(tmp_path, GOOD, **classes) == {}


def test_a_specification_of_the_plans_own(tmp_path: Path) -> None:
    """Its fields are those of the file, as a plan writes them; direction and access hold."""
    own = Specification.model_validate(
        {
            "title": "Array of 2019",
            "source": "page 4 of the offer",
            "limits": [
                {"figure": "iops", "value": 6_000, "direction": "read", "access": "random"},
                {"figure": "bytes_per_second", "value": 700 * MIB, "access": "sequential"},
            ],
        }
    ).model_dump()
    plan = {"specifications": {"array": own}, "references": {"fast": "array"}}
    assert shares(tmp_path / "shares", GOOD, plan=plan) == {
        "read_iops": "2.000 of 6,000 IOPS",
        "seq_read": "1.000 of 700 MiB/s",
        "seq_write": "0.500 of 700 MiB/s",
    }
    report = render(write_decision(tmp_path / "3", {"fast": GOOD}, plan=plan), RUN_ID).markdown
    assert "**fast** against Array of 2019 (page 4 of the offer): read_iops 200 %" in report


def test_the_limit_that_comes_first_is_the_one(tmp_path: Path) -> None:
    """16,000 operations of 4 KiB are 62.5 MiB: with 40 MiB/s they are never reached."""
    limits = [
        {"figure": "iops", "value": 16_000},
        {"figure": "bytes_per_second", "value": 40 * MIB, "smallest_block_bytes": 131_072},
    ]
    plan = {"references": {"fast": "x"}, "specifications": {"x": {
        "title": "x", "source": "x", "limits": limits,
    }}}  # fmt: skip
    assert shares(tmp_path / "never", {"read_iops": 10_000}, plan=plan) == {}
    limits[1]["value"] = 400 * MIB
    assert shares(tmp_path / "reached", {"read_iops": 8_000}, plan=plan) == {
        "read_iops": "0.500 of 16,000 IOPS"
    }


def test_the_labs_figures_are_for_jobs_that_ran_at_once(tmp_path: Path) -> None:
    """As kubestr's default test runs; alone, a job is another one."""
    plan, at_once = {"references": {"fast": "lab-local-path"}}, {"concurrent_jobs": 4}
    jobs = {"read_iops": 659.793091}
    assert shares(tmp_path / "at once", jobs, plan=plan, cell=at_once) == {
        "read_iops": "1.000 of 660 IOPS"
    }
    assert shares(tmp_path / "alone", jobs, plan=plan) == {}


def test_the_page_names_every_specification() -> None:
    page = (Path(__file__).parents[2] / "docs" / "decide.md").read_text()
    assert [name for name in SHIPPED if not re.search(rf"`{name}`", page)] == []


def test_what_is_many_times_the_promise_is_a_factor(tmp_path: Path) -> None:
    """As a local disk against gp3; up to ten times it is a percentage."""
    plan, jobs = {"references": {"fast": "ebs-gp3"}}, {"read_iops": 64_800, "write_iops": 29_000}
    report = render(write_decision(tmp_path, {"fast": jobs}, plan=plan), RUN_ID).markdown
    assert "read_iops 22× the promised 3,000 IOPS; write_iops 967 % of 3,000 IOPS" in report


def test_a_class_that_names_both_its_limits_has_a_source(tmp_path: Path) -> None:
    """And EBS, which counts reads and writes together, has no limit for each direction."""
    named = of_itself(EBS, type="gp3", iops="3000", throughput="125")
    jobs = AT_GP3 | {"mixed_read70": 3_000}
    location = write_decision(tmp_path / "ebs", {"fast": jobs}, **named)
    report = render(location, RUN_ID).markdown
    assert (
        "(<https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html>, read" in report
    )
    assert "Each direction" not in report
    other = of_itself("example.org/mine", iops="3000", throughput="125")
    report = render(write_decision(tmp_path / "other", {"fast": jobs}, **other), RUN_ID).markdown
    assert "fast is limited to 3,000 IOPS and 125 MiB/s" in report
    assert "Each direction has a limit of its own: mixed_read70" in report
