"""A run on a schedule that starts too late: a worker that was away drains no node by day."""

from datetime import UTC, datetime, timedelta

from prefect.context import FlowRunContext


def too_late(limit_seconds: int) -> str | None:
    """Why this flow run starts too late to be carried out; None where it does not.

    What was started by hand is never late, nor what a person has run again: a schedule alone makes
    runs that are `auto_scheduled`, and what is run again has been run before.
    """
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or not run.auto_scheduled or run.run_count > 1 or not run.expected_start_time:
        return None
    due, now = run.expected_start_time.astimezone(UTC), datetime.now(UTC)
    if now - due <= timedelta(seconds=limit_seconds):
        return None
    return (
        f"plan field late_limit_seconds: the run was due at {due:%Y-%m-%d %H:%M} UTC and starts at "
        f"{now:%Y-%m-%d %H:%M} UTC, more than {limit_seconds:,} s after it, so nothing was done. "
        "Look why no worker took it in time; raise the limit, or start a run by hand"
    )
