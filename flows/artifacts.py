"""What Prefect's UI shows of a run: its name, how far it is, its report and its tables."""

import base64
import re
from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import Any, cast
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectException

from reports.data.load import Run, load
from reports.decision.requirements import judge
from reports.decision.tables import requirement_rows
from reports.html.write import page_path
from reports.page.render import render
from reports.side_by_side.rows import comparison_rows, survival_rows
from reports.speed.comparison import compare
from reports.storms.survival import survive
from tasks.kubernetes import cluster as k8s
from tasks.kubernetes.errors import Unreachable
from tasks.plan.plan import Plan
from tasks.results.schema import TABLES
from tasks.results.store import ResultsError, below

# What a Prefect API that is away, or that refuses, raises: the run's own files are on disk then.
NOT_SHOWN = (PrefectException, httpx.HTTPError)
# What Prefect's page cannot do within a text: fold a part, and go to a heading.
FOLD = re.compile(r"<details>\n<summary>(.*?)</summary>\n(.*?)\n</details>", re.DOTALL)
LINK_TO_HEADING = re.compile(r"\[([^\[\]]+)\]\(#[-a-z]+\)")


def run_name() -> str:
    """`nightly · kind-prod · 2 classes · standard`, for the flow run that begins."""
    context = FlowRunContext.get()
    if context is None or context.flow is None:
        raise RuntimeError("a flow run's name was asked for outside of one")
    plan = Plan.model_validate((context.parameters or {}).get("plan", {}))
    count = len(plan.storage_classes)
    classes = f"{count} class{'' if count == 1 else 'es'}" if count else "every class"
    profile = "fio file" if plan.fio_file is not None else plan.profile
    words = [context.flow.name, _cluster_name(plan), classes]
    return " · ".join([*words, *([] if context.flow.name == "storms" else [profile])])


def _cluster_name(plan: Plan) -> str:
    try:
        cluster = k8s.connect(plan.context, plan.namespace)
    except Unreachable:  # the run itself will say so
        return "no cluster"
    cluster.api.close()
    return cluster.name


def progress(key: str, of: int) -> Callable[[int], None]:
    """Show how many cells of a part have ended; the function returned is told after each.

    It may be called from any thread.
    """
    context, logger = copy_context(), get_run_logger()
    shown: list[UUID] = []

    def tell(ended: int) -> None:
        try:
            context.copy().run(update_progress_artifact, shown[0], 100 * ended / max(of, 1))
        except NOT_SHOWN as error:
            logger.warning("the progress of %s cannot be shown: %s", key, error)

    try:
        # the same function for both worlds: without an event loop it is no coroutine
        made = create_progress_artifact(0.0, key=key, description=f"{key}: {of} cells")
        shown.append(cast("UUID", made))
    except NOT_SHOWN as error:
        logger.warning("the progress of %s cannot be shown: %s", key, error)
        return lambda _: None
    return tell


def publish(location: str, run_id: str, *, again: bool = False) -> None:
    """Put a run's report, its charts in it, and its tables before whoever opens the UI.

    The tables' keys are the same each night, so that the UI shows their history; one that is shown
    `again` has its place there, so that its report alone is shown. What was measured is on disk by
    now: whatever cannot be read again or shown is a warning in the flow run's log.
    """
    try:
        _publish(location, run_id, again=again)
    except (*NOT_SHOWN, ResultsError, OSError) as error:
        get_run_logger().warning("the report of run %s cannot be shown: %s", run_id, error)


def _publish(location: str, run_id: str, *, again: bool) -> None:
    run, rendered = load(location, run_id), render(location, run_id)
    page = below(location, page_path(run_id))
    text, survival = _for_the_page(rendered.markdown, page), survive(run)
    for name, svg in (("", rendered.chart), ("-storms", rendered.storms_chart)):
        text = text.replace(f"({run_id}{name}.svg)", f"({_inline(svg)})")
    about = f"run {run_id} on {run.facts['cluster']}"
    files = "".join(f"\n- `{below(location, file)}`" for file in _files(run))
    # no link: from Prefect's address a browser opens neither a file nor an object of a store
    where = f"{about}; page: `{page}`; Parquet:\n{files}"
    create_markdown_artifact(text, key="report", description=where)
    if again:
        return
    if judged := judge(run):
        create_table_artifact(requirement_rows(judged), key="requirements", description=about)
    if run.fio:
        table = comparison_rows(compare(run))
        create_table_artifact(table, key="comparison", description=about)
    if survival:
        create_table_artifact(survival_rows(survival), key="survival", description=about)


def _files(run: Run) -> list[str]:
    """The Parquet files that hold rows of a run, below its results location."""
    named = f"date={run.facts['started_at']:%Y-%m-%d}/{run.facts['run_id']}.parquet"
    return [f"{name}/{named}" for name in TABLES if name == "runs" or getattr(run, name)]


def show(text: str, key: str, about: str) -> None:
    """Put a text in markdown before whoever opens the UI."""
    try:
        create_markdown_artifact(text, key=key, description=about)
    except NOT_SHOWN as error:
        get_run_logger().warning("%s cannot be shown: %s", about, error)


def show_table(rows: Sequence[dict[str, Any]], key: str, about: str) -> None:
    """Put a table before whoever opens the UI."""
    try:
        create_table_artifact(list(rows), key=key, description=about)
    except NOT_SHOWN as error:
        get_run_logger().warning("%s cannot be shown: %s", about, error)


def _for_the_page(text: str, page: str) -> str:
    """What the text has outside its folds, where those are, and no link that leads nowhere."""
    folded = [found[1] for found in FOLD.finditer(text)]
    shown = LINK_TO_HEADING.sub(r"\1", FOLD.sub("", text)).rstrip()
    return f"{shown}\n\nFolded in `{page}`: {'; '.join(folded)}.\n"


def _inline(svg: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
