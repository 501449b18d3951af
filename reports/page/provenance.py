"""Where the figures come from: classes, volumes, nodes, versions, the plan, the files."""

from collections import Counter
from typing import Any

import yaml

from reports.data.load import Run
from reports.text.markdown import Markdown, table
from reports.text.units import seconds, size
from tasks.results.store import file_path


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
    """How long each volume took, from its PVC to a running pod."""
    header = ["class", "bound after", "attached after", "first pod running after"]
    rows = [
        [
            volume["storage_class"],
            seconds(volume["bind_seconds"]),
            seconds(volume["attach_seconds"]) or "no attachment seen",
            seconds(volume["first_pod_seconds"]),
        ]
        for volume in run.volumes
    ]
    return table(header, rows)


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
    """The volumes that were measured: what was asked for and what came."""
    header = [
        "class", "PV type", "node affinity", "first pod on", "filesystem", "access", "mode",
        "asked", "got", "free", "PVC", "PV",
    ]  # fmt: skip
    rows = [
        [
            volume["storage_class"],
            volume["pv_type"],
            volume["node_affinity"] or ("none" if volume["pv"] else None),
            volume["node"],
            f"{volume['filesystem']} (in memory)"
            if volume["memory_backed"]
            else volume["filesystem"],
            volume["access_mode"],
            volume["volume_mode"],
            size(volume["requested_bytes"]),
            size(volume["capacity_bytes"]),
            size(volume["free_bytes"]),
            volume["pvc"],
            volume["pv"],
        ]
        for volume in run.volumes
    ]
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
            for name in ("runs", "checks", "classes", "volumes", "fio", "storms", "storm_events")
            if (run.storms or not name.startswith("storm")) and (run.checks or name != "checks")
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
