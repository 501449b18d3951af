"""The command line of stormark: each command is a module of `commands`."""

import typer

from commands import (
    compact,
    compare,
    demo,
    history,
    metrics,
    plan,
    preflight,
    reap,
    report,
    run,
    runs,
    up,
)
from commands import open as opening

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,  # one may be a secret
    help="Compare the StorageClasses of a Kubernetes cluster: fio on a PVC of each, storms under a "
    "writer, as Parquet and as a report.\n\nExit codes: 0 every cell was measured; 1 the run "
    "failed or is incomplete, and what was measured is written; 2 the plan or its place was "
    "refused before anything was measured; 3 a requirement of the plan is not met; "
    "130 interrupted, and the cluster was cleaned up.",
    epilog="Examples: `stormark demo` · `stormark preflight --context NAME` · `stormark run --flow "
    "nightly --context NAME` · `stormark run --help`",
)
app.command(epilog=run.EXAMPLES)(run.run)
app.command(epilog=plan.EXAMPLES)(plan.plan)
app.command(epilog=demo.EXAMPLES)(demo.demo)
app.command(epilog=up.EXAMPLES)(up.up)
app.command(epilog=preflight.EXAMPLES)(preflight.preflight)
app.command(epilog=reap.EXAMPLES)(reap.reap)
app.command(epilog=report.EXAMPLES)(report.report)
app.command("open", epilog=opening.EXAMPLES)(opening.open_page)
app.command(epilog=runs.EXAMPLES)(runs.runs)
app.command(epilog=compact.EXAMPLES)(compact.compact)
app.command(epilog=compare.EXAMPLES)(compare.compare)
app.command(epilog=history.EXAMPLES)(history.history)
app.command(epilog=metrics.EXAMPLES)(metrics.metrics)


def main() -> None:
    """Entry point of the `stormark` command."""
    app()


if __name__ == "__main__":
    main()
