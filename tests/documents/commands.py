"""Every command of README.md and docs/, and where each is run."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
HERE = "here"
# What a command is, as a regular expression, and where it is run; the first that matches counts.
RUN_BY = {
    r"stormark metrics --file stormark\.prom": (
        "tests/reports/test_metrics.py::test_a_file_is_replaced_whole"
    ),
    r"stormark (plan > plan\.yaml|plan|runs|history|report RUN|compare (RUN RUN|--last 28))": HERE,
    r"stormark compact": "tests/cli/test_commands.py::test_months_are_put_together",
    r"stormark open( RUN)?": "tests/cli/test_open.py::test_the_newest_report_is_opened",
    r"python -m tests\.reports\.screenshot": "not run: minutes; the picture beside it came of it",
    r"stormark run .* --flow storms": (
        "tests/cli/test_preflight.py::test_what_pod_security_forbids_is_skipped"
    ),
    r"stormark preflight --context stormark .*": (  # rbac.yaml's account
        "tests/real/test_rbac.py::test_it_is_enough_for_every_storm"
    ),
    r"stormark preflight.*|stormark run (--context NAME|--plan).*": HERE,
    r"stormark reap.*": HERE,
    r"prefect --no-prompt deploy --all|prefect work-pool (create|delete) .*": HERE,
    r"prefect automation delete .*": HERE,
    r"prefect automation create .*": (
        "tests/flows/test_deployment.py::test_a_run_that_is_refused_is_told"
    ),
    r"docker compose .*": "not run: containers; tests/flows/test_team.py starts what the file says",
    r"(export POSTGRES_PASSWORD|export PREFECT_API_URL).*": (
        "tests/flows/test_team.py::test_the_compose_file_starts_what_the_tests_start"
    ),
    r"export PREFECT_SERVER.*": "tests/flows/test_team.py::test_a_worker_carries_out_a_deployment",
    r"prefect (server start|worker start .*)": "tests/flows/test_deployment.py::test_a_night",
    r"stormark runs --results 's3:.*": "tests/cli/test_s3.py::test_runs_on_s3",
    r"pytest tests/cli/test_stores\.py": "tests/cli/test_stores.py::test_a_run_there",
    r"kubectl (apply|delete)( -f manifests/rbac(/drain)?(\.yaml)?)+": (  # by another client
        "tests/real/test_rbac.py::test_it_is_enough_for_every_storm"
    ),
    r"kubectl config set-.*": "tests/real/test_rbac.py::test_it_is_enough_for_every_storm",
    r"kubectl (apply|delete) -k manifests": ("tests/real/test_pool.py::test_a_flow_run_is_a_job"),
    r"kubectl -n stormark .*": "not run: Secrets, addresses and results are the reader's",
    r"export PREFECT_UI_API_URL.*|prefect server start --host .*": "not run: on loopback alone",
    r"podman .*": "not run: it needs a registry; tests/real/runtime_image.py makes such an image",
    r"python -m tests\.flows\.screenshots": "not run: minutes; the pictures beside it came of it",
    r"pytest tests/real/test_dying\.py.*": "tests/real/test_dying.py::test_the_cluster_is_clean",
    r"python -m reports\.columns": (
        "tests/documents/test_results.py::test_the_column_reference_is_todays"
    ),
    r"python -m testbed (stop-node|kill-node) .*": (
        "tests/real/test_power.py::test_a_process_fault_proves_nothing_of_fsync"
    ),
    r"python -m testbed array.*": "tests/real/test_csi.py::test_the_array_does_as_it_is_told",
    r"python -m testbed (start-node|cut|join) .*": (
        "tests/real/test_node_faults.py::test_a_power_cut_and_a_network_cut"
    ),
    r"STORMARK_TESTBED=.* python -m testbed up": (
        "tests/testbed/test_crash.py::test_two_side_by_side"
    ),
    r"make (up|down)|stormark up": (
        "tests/cli/test_up.py::test_a_page_with_deployments_and_a_worker"
    ),
    r"python -m testbed (build|up) .*--kubernetes .*": (
        "not run: minutes of compiling; the versions beside it were tried so"
    ),
    r"stormark run --flow nightly --plan versions\.yaml": "not run: beside one that is not",
    r"stormark run --flow storms --plan lost\.yaml": "not run: it waits for a quarter of an hour",
    r"python -m testbed .*|export KUBECONFIG.*testbed.*": (
        "tests/testbed/test_crash.py::test_up_finishes_what_was_begun"
    ),
    r"make (test|services|demo|e2e)": ".ci/run",
    r"make \.venv/run": "Makefile: make demo begins with it",
    r"make demo-real": "not run: minutes of the same flow as tests/real/test_nightly.py",
    r"stormark run --class local-path --class gp3-like --image stormark/fio:testbed": (
        "not run: a quarter of an hour of the same flow as tests/real/test_nightly.py"
    ),
    r"nsenter .*": "not run: beside a benchmark that is not",
    r"python -m benchmarks\..*": "not run: minutes each; the figures beside it came of it",
    r"git (clone|pull).*": "not run: its address is the reader's",
}
# In a line of text, only these are for a reader to type; `kubectl drain` there is a comparison.
INLINE = r"`((?:stormark|prefect|make|pytest|python -m) [^`]+)`"


def commands() -> list[str]:
    """Every command of the documents once, without the folder of its environment and comment."""
    found: list[str] = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = page.read_text()
        for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.M | re.S):
            found += block.splitlines() if language == "sh" else []
        text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
        found += re.findall(r"^ {4}([!-~].*)", text, re.M)
        for table in re.findall(r"^\| command \|.*\n\|[- |]+\n((?:\|.*\n)+)", text, re.M):
            cells = (row.split("|")[1] for row in table.splitlines())
            found += [
                f"python -m testbed {c}" for cell in cells for c in re.findall("`(.+?)`", cell)
            ]
        found += re.findall(INLINE, text)
    bare = (re.sub(r"\s{2,}#.*", "", line).replace(".venv/bin/", "").strip() for line in found)
    return sorted({line for line in bare if line and not set(line) & set("►│▼")})


def where(command: str) -> str | None:
    """The pattern that covers a command."""
    return next((pattern for pattern in RUN_BY if re.fullmatch(pattern, command)), None)


def run_here(word: str) -> list[str]:
    """The commands that begin with a word and are run by test_documents.py."""
    covered = (line for line in commands() if RUN_BY.get(where(line) or "") == HERE)
    return [line for line in covered if line.startswith(f"{word} ")]
