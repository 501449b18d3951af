"""Where the figures come from: classes, volumes, nodes, versions, the plan, the files."""

from collections import Counter
from collections.abc import Callable
from statistics import median
from typing import Any

import yaml

from reports.data.load import Row, Run, class_names
from reports.text.markdown import Markdown, table
from reports.text.units import seconds, size
from tasks.results.store import file_path

PARQUET = (
    "runs", "checks", "classes", "volumes", "fio", "fio_seconds", "node_seconds", "storms",
    "storm_events",
)  # fmt: skip


def checks_table(run: Run, *statuses: str) -> Markdown:
    """The checks of the preflight that have one of the statuses; empty if none has."""
    rows = [
        [row["status"], row["check"], row["object"], row["seen"], row["advice"]]
        for row in run.checks
        if row["status"] in statuses
    ]
    header = ["status", "check", "object", "seen", "what to do"]
    return table(header, rows) if rows else Markdown()


def provisioning_table(run: Run) -> Markdown:
    """How long the volumes of each class took, from PVC to pod, and to be gone again."""
    header = [
        "class",
        "volumes",
        "bound after",
        "attached after",
        "first pod running after",
        "deleted in",
    ]
    rows = [
        [
            name,
            len(volumes),
            spread(volumes, "bind_seconds"),
            # seen by a watch, else by an event's whole seconds
            spread(volumes, "attached_seconds")
            or spread(volumes, "attach_seconds")
            or "no attachment seen",
            spread(volumes, "first_pod_seconds"),
            spread(volumes, "delete_seconds"),
        ]
        for name, volumes in _by_class(run).items()
    ]
    return table(header, rows)


def spread(rows: list[Row], column: str) -> str:
    """The median of a column of seconds and, of several rows, its range; empty if none has it."""
    known = [row[column] for row in rows if row[column] is not None]
    if not known:
        return ""
    middle, low, high = seconds(median(known)), seconds(min(known)), seconds(max(known))
    return middle if low == high else f"{middle} ({low} – {high})"


def counted_from(run: Run) -> str:
    """From when these times are counted; attaching that no watch saw is an event's."""
    volumes = _by_class(run).values()
    event = any(
        spread(each, "attach_seconds") and not spread(each, "attached_seconds") for each in volumes
    )
    return (
        "Counted from the creation of the PVC, deletion from its own beginning"
        + (
            "; attaching that no watch saw, from the scheduling of the pod, in whole seconds"
            * event
        )
        + ". Median (lowest – highest)."
    )


def _by_class(run: Run) -> dict[str, list[Row]]:
    classes: dict[str, list[Row]] = {}
    for volume in run.volumes:
        classes.setdefault(volume["storage_class"], []).append(volume)
    return {name: classes[name] for name in class_names(run) if name in classes}


def classes_table(run: Run) -> Markdown:
    """The classes as the cluster defines them."""
    header = {
        "storage_class": "class",
        "is_default": "default",
        "provisioner": "provisioner",
        "volume_binding_mode": "binding",
        "allow_volume_expansion": "expansion",
        "reclaim_policy": "reclaim",
        "mount_options": "mount options",
        "parameters": "parameters",
    }
    rows = [
        [", ".join(v) if isinstance(v := row[column], list) else v for column in header]
        for row in run.classes
    ]
    return table(list(header.values()), rows)


def volumes_table(run: Run) -> Markdown:
    """The volumes that were measured, by class: what was asked for and what came."""
    header = [
        "class", "PV type", "node affinity", "nodes", "filesystem", "access", "mode", "asked",
        "got", "free",
    ]  # fmt: skip
    columns: dict[str, Callable[[Any], str]] = {
        "pv_type": str,
        "node_affinity": str,
        "node": str,
        "filesystem": str,
        "access_mode": str,
        "volume_mode": str,
        "requested_bytes": size,
        "capacity_bytes": size,
        "free_bytes": size,
    }
    rows = []
    for name, volumes in _by_class(run).items():
        told: dict[str, str | None] = {
            column: ", ".join(
                dict.fromkeys(words(v[column]) for v in volumes if v[column] is not None)
            )
            for column, words in columns.items()
        }
        if not told["node_affinity"] and any(volume["pv"] for volume in volumes):
            told["node_affinity"] = "none"
        if any(volume["memory_backed"] for volume in volumes):
            told["filesystem"] = f"{told['filesystem']} (in memory)"
        rows.append([name, *(text or None for text in told.values())])
    return table(header, rows)


def facts_table(run: Run) -> Markdown:
    """Versions, times and files of the run; the paths are below the results location."""
    facts = run.facts
    rows = [
        ["flow", facts["flow"]],
        ["outcome", facts["outcome"]],
        ["stopped at", facts["stopped_at"] or "its end"],
        ["error", facts["error"] or "none"],
        ["started", f"{facts['started_at']:%Y-%m-%d %H:%M:%S} UTC"],
        ["wall time", _wall_time(facts)],
        ["cells", _cells(facts)],
        *([["storm cells", _storms(run)]] if facts["storms_planned"] else []),
        ["cluster", facts["cluster"]],
        ["namespace", facts["namespace"]],
        ["Kubernetes", facts["kubernetes_version"]],
        ["stormark", facts["stormark_version"]],
        ["fio", facts["fio_version"]],
        ["image", facts["image"]],
        *([["image that ran", ran]] if (ran := _image_ids(facts)) else []),
        *(
            [f"Parquet: {name}", _parquet(run, name)]
            for name in PARQUET
            if (run.storms or not name.startswith("storm"))
            and (run.checks or name != "checks")
            and (run.fio_seconds or name != "fio_seconds")
            and (run.node_seconds or name != "node_seconds")
        ),
    ]
    return table(["run", facts["run_id"]], rows)


def _image_ids(facts: dict[str, Any]) -> str:
    """What ran under the image's name, where that says more than the name; older runs lack it."""
    return ", ".join(one for one in facts.get("image_ids") or [] if one != facts["image"])


def _wall_time(facts: dict[str, Any]) -> str | None:
    if facts["ended_at"] is None:
        return None
    return seconds((facts["ended_at"] - facts["started_at"]).total_seconds())


def _cells(facts: dict[str, Any]) -> str:
    counts = [f"{facts[f'cells_{what}']} {what}" for what in ("planned", "measured", "failed")]
    return ", ".join(counts)


def _storms(run: Run) -> str:
    """Of the cells planned, how many became what; a volume that no class offers is not ridden."""
    became = Counter(row["status"].replace("_", " ") for row in run.storms)
    words = [f"{run.facts['storms_planned']} planned"]
    return ", ".join(words + [f"{count} {status}" for status, count in became.items()])


def _parquet(run: Run, name: str) -> str:
    return file_path("", name, run.facts["run_id"], run.facts["started_at"]).lstrip("/")


def nodes_table(run: Run) -> Markdown:
    """The cluster's nodes, as each describes itself; empty if the run lacks them."""
    rows = [
        [
            node["name"],
            node["kernel"],
            node["os_image"],
            node["kubelet_version"],
            node["container_runtime"],
            f"{node['cpus']:g}" if node["cpus"] is not None else None,
            size(node["memory_bytes"]),
        ]
        for node in run.facts["nodes"] or []
    ]
    header = ["node", "kernel", "OS", "kubelet", "runtime", "CPUs", "memory"]
    return table(header, rows) if rows else Markdown()


class _Plan(yaml.SafeDumper):
    """Keeps the lines of a job file apart."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Plan.add_representer(str, _text)


def plan_yaml(run: Run) -> Markdown:
    """The plan as a YAML file for `stormark run --plan`; empty if the run lacks it."""
    if not run.plan:
        return Markdown()
    return Markdown(yaml.dump(run.plan, Dumper=_Plan, sort_keys=False, allow_unicode=True).rstrip())
