"""Takes the pictures of Prefect's page in the documents: `python -m tests.flows.screenshots`."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, expect

from embedded.cluster import running
from flows.up import ROOT, working
from tests.flows.page import chart, choose, chromium, enter, open_form, opened, show_tab, submit
from tests.flows.server import deployed

# A short name, since the page of a run shows where its report is.
RESULTS = Path("/tmp/stormark")
FORM_HEIGHT, REPORT_HEIGHT = 1240, 960
RUN_SECONDS = 600


def main() -> None:
    """A quick run on the embedded cluster: its form as it is sent, and its report."""
    with running() as kubeconfig, TemporaryDirectory() as folder, deployed(Path(folder)) as server:
        server.here.environment["KUBECONFIG"] = str(kubeconfig)
        with working(server.here), chromium() as browser:
            try:
                take(browser, server.here.page)
            finally:
                shutil.rmtree(RESULTS, ignore_errors=True)


def take(browser: Browser, address: str) -> None:
    """Fill in the form, wait for the run, and save both pictures."""
    with opened(browser, address, height=FORM_HEIGHT) as page:
        open_form(page, "benchmark")
        enter(page, "Results", str(RESULTS))
        enter(page, "Volume Size", "512Mi")
        choose(page, "Profile", "quick")
        page.get_by_role("heading", name="Parameters").click()  # no field has the focus
        page.screenshot(path=ROOT / "docs/page-form.png")
        submit(page)
        done = page.get_by_text("Completed", exact=True)
        expect(done).to_be_visible(timeout=RUN_SECONDS * 1000)
        show_tab(page, "Artifacts").get_by_role("link", name="markdown report").click()
        page.set_viewport_size({"width": 1280, "height": REPORT_HEIGHT})
        chart(page)
        page.screenshot(path=ROOT / "docs/page-report.png")


if __name__ == "__main__":
    main()
