"""Prefect's page in Debian's Chromium, used as a person does: by what is written on it."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    Locator,
    Page,
    Response,
    ViewportSize,
    expect,
    sync_playwright,
)

from tests.flows.server import DEADLINE_SECONDS

# What Playwright does not say by itself; no name is looked up, so nothing beyond this machine.
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
# With SQLite a busy server answers 503, and the page leaves it to the person to try again.
TRIES = 20


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium without a window; Playwright gives it a new profile and no sandbox.

    RuntimeError when there is none.
    """
    executable = shutil.which("chromium")
    if executable is None:
        raise RuntimeError("chromium is missing: `make chromium`")
    expect.set_options(timeout=DEADLINE_SECONDS * 1000)
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(
            executable_path=executable, args=FLAGS, timeout=DEADLINE_SECONDS * 1000
        ) as browser,
    ):
        yield browser


@contextmanager
def opened(browser: Browser, address: str, height: int = 900) -> Iterator[Page]:
    """A page of its own for the server at that address; it may ask nobody else."""
    asked = set[str | None]()
    size = ViewportSize(width=1280, height=height)
    with browser.new_context(base_url=address, viewport=size) as context:
        context.set_default_timeout(DEADLINE_SECONDS * 1000)
        context.on("request", lambda request: asked.add(urlsplit(request.url).netloc or None))
        yield context.new_page()
    assert asked <= {urlsplit(address).netloc, None}  # None: data in the page itself


def open_form(page: Page, deployment: str) -> None:
    """From the list of deployments to the form of a custom run."""
    page.goto("/deployments")
    # by its address: its flow, of the same name, is a link of the row too, once that is loaded
    page.locator(f"a[href^='/deployments/deployment/'][title='{deployment}']").click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_role("button", name="Custom run").click()
    expect(page.get_by_role("button", name="Submit")).to_be_visible()


def open_options(page: Page, field: str) -> Locator:
    """The options of a drop-down, open: by a key, for a click on its text closes it again."""
    _below(page, field).get_by_role("button").press("ArrowDown")
    return page.get_by_role("option")


def choose(page: Page, field: str, option: str) -> None:
    """Take an option of a drop-down."""
    open_options(page, field).get_by_text(option, exact=True).click()
    expect(_below(page, field)).to_have_text(option)


def enter(page: Page, field: str, value: str, kind: str = "") -> None:
    """Write a value over what is in a box; `kind` is the button that opens an empty one."""
    if kind:
        button = f"xpath=following::button[normalize-space()='{kind}'][1]"
        _label(page, field).locator(button).click()
    inside = _below(page, field)
    inside.get_by_role("textbox").or_(inside.get_by_role("spinbutton")).fill(value)


def submit(page: Page) -> str:
    """Start the run and open its page; gives its id."""
    run_id = str(_send(page.get_by_role("button", name="Submit"), "create_flow_run").json()["id"])
    page.locator(f"a[href$='/{run_id}']").first.click()
    return run_id


def cancel(page: Page) -> None:
    """Cancel the run whose page is open."""
    page.get_by_role("button", name="Cancel").click()
    _send(page.get_by_role("dialog").get_by_role("button", name="Confirm"), "set_state")


def show_tab(page: Page, name: str) -> Locator:
    """A tab of a run's page, as it is now."""
    page.reload()
    page.get_by_role("listitem").get_by_text(name, exact=True).click()
    return page.get_by_role("tabpanel", name=name)


def open_artifact(page: Page, name: str) -> None:
    """One of that name: a busy server that refuses after all, and is asked again, has two."""
    show_tab(page, "Artifacts").get_by_role("link", name=name).first.click()


def chart(page: Page) -> Locator:
    """The bars of a report, loaded."""
    image = page.get_by_role("img", name="Bars of every job by class")
    expect(image).to_have_js_property("complete", True)
    return image


def _send(button: Locator, call: str) -> Response:
    """Press a button that sends something; what the server answers."""
    for _ in range(TRIES):
        with button.page.expect_response(re.compile(f"/{call}$")) as answer:
            button.click()
        if answer.value.status != 503:
            break
    refused = f"{call}, tried up to {TRIES} times: {answer.value.status}"
    assert answer.value.ok, f"{refused} {answer.value.text()}"
    return answer.value


def _label(page: Page, field: str) -> Locator:
    return page.get_by_text(f"{field} (Optional)", exact=True)


def _below(page: Page, field: str) -> Locator:
    # the page does not tie a label to its field
    return _label(page, field).locator("xpath=following::fieldset[1]")
