"""What Prefect's database does to flow processes that write at once: SQLite and Postgres.

    python -m benchmarks.database

For each database and round a new server with the deployments of prefect.yaml, and that many flow
processes at once, each with that many tasks, which do nothing. Printed are the seconds until the
last process has ended, those until each task run is recorded as Completed, the processes that did
not end well, the task runs whose record was late, and the statements that failed because the
database was locked, by the server's log. Postgres is served as by manifests/prefect/compose.yaml.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, NamedTuple

import httpx
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from tests.flows.busy import run_at_once
from tests.flows.server import Server, deployed, until
from tests.flows.team import on_postgres

LIMIT_SECONDS = 120
# Once in what is logged of each statement that failed.
LOCKED = "(sqlite3.OperationalError) database is locked"


class Round(NamedTuple):
    """What one round came to; `recorded` is None when that took longer than the limit."""

    ended: float
    recorded: float | None
    missing: int
    failed: int
    locked: int


def main(
    processes: Annotated[int, typer.Option(help="Flow processes at once.")] = 6,
    tasks: Annotated[int, typer.Option(help="Tasks of each.")] = 300,
    rounds: Annotated[int, typer.Option(help="Rounds, by turns.")] = 3,
) -> None:
    """Let flow processes write at once on either database, and print what came of it."""
    seen: dict[str, list[Round]] = {"SQLite": [], "Postgres": []}
    for _ in range(rounds):
        for name, found in seen.items():
            with TemporaryDirectory() as folder, serve(name, Path(folder)) as server:
                found.append(measure(server, processes, tasks))
    shown = Table(
        "database", "processes done, s", "all recorded, s", "failed",
        f"unrecorded {LIMIT_SECONDS} s later", "locked",
        box=box.MARKDOWN,
    )  # fmt: skip
    for name, found in seen.items():
        shown.add_row(
            name,
            spread([r.ended for r in found]),
            spread([r.recorded for r in found if r.recorded is not None]),
            *(
                ", ".join(str(getattr(r, f)) for r in found)
                for f in ("failed", "missing", "locked")
            ),
        )
    Console(width=200).print(shown)


@contextmanager
def serve(name: str, folder: Path) -> Iterator[Server]:
    """A new server on the database of that name."""
    if name == "SQLite":
        with deployed(folder) as server:
            yield server
    else:
        with on_postgres(folder) as team:
            yield team.server


def measure(server: Server, processes: int, tasks: int) -> Round:
    """One round."""
    begin = time.monotonic()
    failed = run_at_once(server.here, processes, tasks)
    ended = time.monotonic() - begin
    recorded: float | None = None
    try:
        until(lambda: completed(server), lambda n: n >= processes * tasks, LIMIT_SECONDS)
        recorded = time.monotonic() - begin
    except AssertionError:  # not all, in time
        pass
    log = (server.here.folder / "server.log").read_text()
    missing = processes * tasks - completed(server)
    return Round(ended, recorded, missing, len(failed), log.count(LOCKED))


def completed(server: Server) -> int:
    """The task runs that are recorded as Completed."""
    body = {"task_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    asked = httpx.post(f"{server.here.page}/api/task_runs/count", json=body, timeout=60)
    return int(asked.json()) if asked.is_success else 0


def spread(seconds: list[float]) -> str:
    """Median and range; a dash without a figure."""
    if not seconds:
        return "–"
    return f"{median(seconds):.1f} [{min(seconds):.1f} – {max(seconds):.1f}]"


if __name__ == "__main__":
    typer.run(main)
