"""The last night of a cluster as metrics for Prometheus: gauges, in its text format."""

from math import exp

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from reports.history.nights import Nights
from reports.history.told import since_last_night

NIGHT = {
    "stormark_night_started_timestamp_seconds": "Start of the last night.",
    "stormark_night_complete": "1 where every planned cell was measured.",
    "stormark_night_worse": "What is worse than the night before, in news.",
    "stormark_night_better": "What is better than the night before, in news.",
}
OF_FIGURES = {
    "iops": "Operations a second, geometric mean of the volumes.",
    "bandwidth_bytes_per_second": "Bytes a second, geometric mean of the volumes.",
    "latency_seconds": "A percentile of a latency, geometric mean of the volumes.",
    "first_pod_seconds": "PVC created until its first pod runs.",
    "delete_seconds": "PVC deleted until it is gone.",
    "recovery_seconds": "Fault until the next acknowledged record.",
}
LABELS = ("cluster", "storage_class", "what", "figure")
OF_CELLS = {
    "stormark_failed": "1 where a job on a class, or a storm on a volume, has no result.",
    "stormark_kept": "1 where a volume kept every acknowledged record, 0 where it did not.",
}


def text(known: Nights) -> str:
    """The newest night's figures, fates and news; a figure that it lacks is left out."""
    registry, last = CollectorRegistry(), known.runs[-1]
    night = {
        name: Gauge(name, words, ["cluster"], registry=registry) for name, words in NIGHT.items()
    }
    news = since_last_night(known)
    complete = last["outcome"] == "complete"
    values = (last["started_at"].timestamp(), complete, len(news.worse), len(news.better))
    for gauge, value in zip(night.values(), values, strict=True):
        gauge.labels(known.cluster).set(value)
    figures = {
        name: Gauge(f"stormark_{name}", words, LABELS, registry=registry)
        for name, words in OF_FIGURES.items()
    }
    for series in known.series:
        if series.runs[-1] == last["run_id"]:
            figure, value = series.figure, exp(series.logs[-1])
            name = "latency_seconds" if figure.direction else figure.column
            labels = (known.cluster, series.name, series.what, figure.label)
            figures[name].labels(*labels).set(value / 1e9 if figure.direction else value)
    cells = {
        name: Gauge(name, words, ["cluster", "volume", "what"], registry=registry)
        for name, words in OF_CELLS.items()
    }
    for (volume, what), fate in known.fates[last["run_id"]].items():
        cells["stormark_failed"].labels(known.cluster, volume, what).set(fate.failed)
        if fate.place and fate.kept is not None:
            cells["stormark_kept"].labels(known.cluster, volume, what).set(fate.kept)
    return generate_latest(registry).decode()
