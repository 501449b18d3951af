"""The flow that renders runs again: one as its report, several side by side."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

import reports.html.write
from flows import artifacts
from flows.steps import failed, step
from reports.side_by_side import nights
from tasks.plan.location import Location
from tasks.results.store import ResultsError


@flow(name="report", flow_run_name="report", persist_result=False)
def render_again(
    runs: Annotated[list[str], Field(min_length=1)], results: Location = "results"
) -> State:
    """Render the report of a run again from its Parquet files, or put several runs side by side.

    Args:
        runs: The run, as its report and Parquet files name it; the first of several is 1×.
        results: Folder, or URI (file:, s3:, gs:, abfs:), of the Parquet files.

    """
    try:
        if len(runs) == 1:
            location = step(reports.html.write.write, "report")(results, runs[0], latest=False)
            artifacts.publish(results, runs[0], again=True)
        else:
            side_by_side = step(nights.side_by_side, "compare")(results, runs)
            location = nights.write(results, side_by_side)
            artifacts.show(nights.render(side_by_side), "compare", f"runs {', '.join(runs)}")
    except ResultsError as error:
        return failed("Refused", str(error))
    return Completed(message=f"report: {location}")
