"""Takes the picture of a report's page in the documents: `python -m tests.reports.screenshot`."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from flows.up import ROOT
from tests.flows.page import chromium

HEIGHT = 900


def main() -> None:
    """The page of the demo's run: which class kept what, and what happened in each storm."""
    with TemporaryDirectory() as results:
        subprocess.run(
            [sys.executable, "stormark.py", "demo", "--results", results], check=True, cwd=ROOT
        )
        take(Path(results))


def take(results: Path) -> None:
    """Save the part of a page on survival."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": HEIGHT})
        page.goto((results.resolve() / "reports/latest.html").as_uri() + "#survival")
        page.wait_for_selector("html[data-drawn]")
        page.locator("#survival").evaluate("heading => heading.scrollIntoView()")
        page.screenshot(path=ROOT / "docs/report-page.png")


if __name__ == "__main__":
    main()
