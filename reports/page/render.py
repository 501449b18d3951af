"""A run's report, from Parquet to markdown and a chart."""

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports.data.load import Run, class_names, load
from reports.data.proof import Proof, pooled, proofs
from reports.decision import tables as decision_tables
from reports.decision.references import Held, held
from reports.decision.requirements import judge
from reports.decision.workloads import decide
from reports.history.nights import NIGHTLY, Nights, nights
from reports.history.told import since_last_night
from reports.page import provenance
from reports.page.headline import headline
from reports.speed import control, details, sustained
from reports.speed import tables as speed_tables
from reports.speed.chart import chart
from reports.speed.comparison import Comparison, compare
from reports.speed.limits import limit_words, limits_of
from reports.speed.words import limit_sentences, volumes
from reports.storms import fsync
from reports.storms import tables as storm_tables
from reports.storms.chart import storms_chart
from reports.storms.sentences import chosen_between, sentences
from reports.storms.survival import Survival, survive
from reports.storms.words import clock, how
from reports.text.markdown import fence, markdown


@dataclass(frozen=True)
class Rendered:
    """A report as markdown, and its charts as SVG; a chart is empty where nothing was planned.

    With what it was made of: `nights` are those up to a nightly's own, None for other flows, and
    the first.
    """

    markdown: str
    chart: str
    storms_chart: str
    run: Run
    comparison: Comparison
    survival: Survival | None
    nights: Nights | None


def render(location: str, run_id: str) -> Rendered:
    """Render the report of a run; the same Parquet gives the same text.

    Raises ResultsError, naming the newest runs, if the location does not hold the run.
    """
    run = load(location, run_id)
    comparison, survival = compare(run), survive(run)
    proved = proofs(pooled(location, run))
    title, known = f"{run.facts['cluster']}, {_date(run)}", _nights(location, run)
    news = since_last_night(known).sentences() if known else []
    return Rendered(
        _report(run, comparison, survival, proved, news),
        chart(comparison, f"{title}: {_measure(comparison)}") if _speed(run, survival) else "",
        storms_chart(survival, run, f"{title}: {_round(survival)}") if survival else "",
        run,
        comparison,
        survival,
        known,
    )


def _speed(run: Run, survival: Survival | None) -> bool:
    """Whether the run has a part on speed: it has cells, or nothing else either."""
    return bool(run.fio or run.facts["cells_planned"]) or survival is None


def _measure(comparison: Comparison) -> str:
    ranges = any(cell.known and cell.known.low for row in comparison.rows for cell in row.cells)
    return f"geometric mean{' and range' if ranges else ''}, {volumes(comparison)}"


def _date(run: Run) -> str:
    return f"{run.facts['started_at']:%Y-%m-%d %H:%M} UTC"


def _round(survival: Survival) -> str:
    return "storms" if survival.rounds == 1 else f"storms, round 1 of {survival.rounds}"


def _nights(location: str, run: Run) -> Nights | None:
    """The nights up to this one; None for other flows, and the first."""
    if run.facts["flow"] != NIGHTLY:
        return None
    known = nights(location, run.facts["cluster"], run.facts["started_at"])
    return known if len(known.runs) > 1 else None


def _report(
    run: Run,
    comparison: Comparison,
    survival: Survival | None,
    proved: dict[str, Proof],
    news: list[str],
) -> str:
    references, told = _references(run)
    # All text is escaped on its way in, save what is markdown already.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        finalize=markdown,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  this is markdown, `finalize` escapes it
    )
    return environment.get_template("report.md.jinja").render(
        run=run,
        date=_date(run),
        headline=headline(run, comparison, survival),
        news=news,
        decision=_decision(run, references, proved),
        speed=_speed(run, survival),
        comparison=comparison,
        comparison_table=speed_tables.comparison_table(comparison),
        note=speed_tables.note(comparison),
        remarks=[
            *limit_sentences(run, comparison, told),
            *sustained.sentences(run),
            *control.sentences(comparison),
        ],
        controls=control.control_table(comparison),
        concurrent=any((row["concurrent_jobs"] or 1) > 1 for row in run.fio),
        chart_name=f"{run.facts['run_id']}.svg",
        latencies=details.latency_table(run, comparison),
        figures=details.figures_table(run, comparison),
        storms=_survival(run, survival, proved) if survival else None,
        provisioning=provenance.provisioning_table(run),
        counted_from=provenance.counted_from(run),
        classes=provenance.classes_table(run),
        volumes=provenance.volumes_table(run),
        warnings=details.warnings_table(run, comparison),
        warnings_in_full=details.warnings_in_full(run, comparison),
        failures=details.failures_table(comparison),
        concerns=provenance.checks_table(run, "warn", "fail"),
        passed=provenance.checks_table(run, "pass"),
        facts=provenance.facts_table(run),
        nodes=provenance.nodes_table(run),
        plan=(plan := provenance.plan_yaml(run)),
        fence=fence(plan),
    )


def _references(run: Run) -> tuple[list[Held], set[str]]:
    """What each class is held against, and the classes whose own limits are told among it."""
    found = [*held(run)]
    limits = {row["storage_class"]: limits_of(row) for row in run.classes}
    told = {
        one.storage_class
        for one in found
        if one.of_itself or _says(one, limit_words(limits[one.storage_class]))
    }
    return found, told


def _says(one: Held, limits: str) -> bool:
    """Whether the shares of a specification are those of the class's own limits, such as gp3's."""
    return {*limits.split(" and ")} <= {share.promised for share in one.shares}


def _decision(run: Run, references: list[Held], proved: dict[str, Proof]) -> dict[str, object]:
    judged, workloads = judge(run), decide(run)
    return {
        "table": decision_tables.decision_table(run, workloads, proved),
        "remarks": decision_tables.remarks(run, workloads),
        "basis": decision_tables.basis_line(run, proved),
        "needs": decision_tables.needs_table(),
        "requirements_line": decision_tables.requirements_line(judged),
        "requirements": decision_tables.requirements_table(judged),
        "references": decision_tables.reference_lines(references),
    }


def _survival(run: Run, survival: Survival, proved: dict[str, Proof]) -> dict[str, object]:
    of_classes, beside = sentences(survival)
    names, others = chosen_between(survival)
    return {
        "how": how(survival, run),
        "matrix": storm_tables.matrix(survival, run, names),
        "matrix_beside": storm_tables.matrix(survival, run, others),
        "fsync": fsync.fsync_table(proved, class_names(run)),
        "pooled": fsync.how_many(proved),
        "sentences": of_classes,
        "controls": beside,
        "chart_name": f"{run.facts['run_id']}-storms.svg",
        "surprises": len(survival.surprises),
        "expectations": storm_tables.expectations_table(survival),
        "clock": clock(survival),
        "steps": storm_tables.steps_table(survival),
        "rounds": storm_tables.rounds_table(survival),
        "gaps": storm_tables.gaps_table(survival),
    }
