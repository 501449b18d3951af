"""Prefect's page, as a person uses it in a browser: start a run, watch it, read it, cancel it.

The fixture `namespace` fails each test that leaves an object behind.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tasks.plan.plan import Plan, Profile
from tests.flows.page import (
    cancel,
    chart,
    choose,
    chromium,
    enter,
    open_artifact,
    open_form,
    open_options,
    opened,
    show_tab,
    submit,
)
from tests.flows.server import Server

pytestmark = [pytest.mark.xdist_group("server"), pytest.mark.usefixtures("to_the_end")]


# Not for the session: Playwright's event loop would be a running one for the tests that follow.
@pytest.fixture(scope="module")
def browser(server: Server) -> Iterator[Browser]:  # noqa: ARG001 - starts before that loop runs
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    with opened(browser, server.here.page) as page:
        yield page


def measuring(page: Page, namespace: str, results: Path, runtime_seconds: int) -> Locator:
    """Start the four quick jobs, once on each class; the log, once the first is under way."""
    open_form(page, "benchmark")
    choose(page, "Profile", "quick")
    enter(page, "Rounds", "1")
    enter(page, "Runtime Seconds", str(runtime_seconds), kind="int")
    enter(page, "Ramp Seconds", "0", kind="int")
    enter(page, "Volume Size", "64Mi")
    enter(page, "Namespace", namespace)
    enter(page, "Results", str(results))
    submit(page)
    log = page.get_by_role("tabpanel", name="Logs")
    expect(log).to_contain_text("[1/8] ")
    return log


def test_the_form_is_read(page: Page) -> None:
    """Every field of the plan with its help; a choice is a drop-down."""
    open_form(page, "benchmark")
    form = page.locator("form")
    for name, field in Plan.model_fields.items():
        expect(form).to_contain_text(f"{name.replace('_', ' ').title()} (Optional)")
        expect(form).to_contain_text(str(field.description).replace("`", ""))
    expect(open_options(page, "Profile")).to_have_text(list(get_args(Profile)))


def test_a_run_is_started_watched_and_read(page: Page, namespace: str, tmp_path: Path) -> None:
    """Its log grows in the page; at its end there are a table and a chart to look at."""
    log = measuring(page, namespace, tmp_path, runtime_seconds=1)
    expect(log).to_contain_text("[8/8] ")
    expect(page.get_by_text("Completed", exact=True)).to_be_visible()

    open_artifact(page, "progress fio")
    expect(page.get_by_text("Progress: 100%")).to_be_visible()
    page.go_back()
    open_artifact(page, "markdown report")
    table = page.get_by_role("table").filter(has_text="randread").first
    expect(table.get_by_role("columnheader")).to_have_text(
        ["job", "what", "figure", "local-path (reference)", "nfs-client"]
    )
    expect(table.get_by_role("row")).to_have_count(5)
    assert chart(page).evaluate("image => image.naturalWidth") > 0
    assert page.get_by_role("group").count() == 0
    page.go_back()
    open_artifact(page, "table comparison")
    cells = page.get_by_role("table").first
    expect(cells).to_contain_text("nfs-client")
    expect(cells.get_by_role("row")).to_have_count(5)


def test_a_run_is_cancelled(page: Page, namespace: str, tmp_path: Path) -> None:
    """By the page's own button, during fio, when less than all is done: it ends in order."""
    log = measuring(page, namespace, tmp_path, runtime_seconds=600)
    open_artifact(page, "progress fio")
    expect(page.get_by_text("Progress: 0%")).to_be_visible()
    page.go_back()
    show_tab(page, "Logs")
    cancel(page)
    expect(page.get_by_text("Cancelled", exact=True)).to_be_visible()
    expect(log).to_contain_text("the cluster is clean")
