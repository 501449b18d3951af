"""What got worse since the night before: in the state's message, and as an event of Prefect's."""

from datetime import datetime

from prefect.events import emit_event

from reports.history.nights import nights
from reports.history.told import since_last_night

EVENT = "stormark.night.worse"


def worse(results: str, run_id: str, started_at: datetime) -> list[str]:
    """What a night's report opens with, of what got worse; an automation may wait for its event.

    Raises ResultsError where the nights cannot be read.
    """
    known = nights(results, until=started_at)
    found = since_last_night(known).worse
    if found:
        emit_event(
            event=EVENT,
            resource={
                "prefect.resource.id": f"stormark.cluster.{known.cluster}",
                "prefect.resource.name": known.cluster,
            },
            payload={"run_id": run_id, "worse": list(found)},
        )
    return [f"worse: {one}" for one in found]
