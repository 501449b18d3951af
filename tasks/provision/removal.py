"""Ends a round's volume, and measures how long its deletion takes."""

import time
from dataclasses import replace

from tasks.kubernetes import labels, pods, verbs, watches
from tasks.kubernetes.errors import ClusterError, WaitTimedOut
from tasks.kubernetes.objects import Obj
from tasks.kubernetes.pods import ROOT
from tasks.kubernetes.script_job import run_script
from tasks.lifecycle import cleanup
from tasks.lifecycle.run import Run
from tasks.provision.volumes import END_SECONDS, Volume, jobs_of
from tasks.results.run_columns import VolumeRow


def remove(run: Run, row: VolumeRow) -> tuple[VolumeRow, str | None]:
    """Delete the pods of a volume, then its PVC; its row, with `delete_seconds` once that is known.

    And what is left for the clean-up, and why, where it takes longer than the plan's limit.
    """
    try:
        end_pods(run, row.pvc)
        volume = cleanup.let_go(run.cluster, row.pv)
        began = time.monotonic()
        verbs.delete(run.cluster, "PersistentVolumeClaim", row.pvc)
        _gone(run, "PersistentVolumeClaim", row.pvc)
        if volume is not None:
            _gone(run, "PersistentVolume", volume)
            row = replace(row, delete_seconds=time.monotonic() - began)
    except WaitTimedOut as error:
        return row, f"the volume of {row.storage_class} in round {row.round} stays for now: {error}"
    return row, None


def remove_folder(run: Run, owner: list[Obj], volume: Volume) -> None:
    """End the pod on a PVC that stays, and remove the run's folder from it.

    Raises ClusterError that says what remains.
    """
    folder = f"stormark-{run.run_id}"
    end_pods(run, run.plan.pvc)
    try:
        run_script(
            run.cluster,
            run.plan,
            run.meta(owner),
            name=f"{folder}-remove",
            file="host-folder.sh",
            arguments=("remove",),
            source={"persistentVolumeClaim": {"claimName": run.plan.pvc}},
            mount_path="/host",
            nodes=[volume.node],
            user=ROOT,
            env={"STORMARK_FOLDER": folder},
        )
    except ClusterError as error:
        raise ClusterError(
            f"folder {folder} of PVC {run.plan.pvc} remains: {error}. Remove it in a pod that "
            "mounts the PVC"
        ) from error


def end_pods(run: Run, pvc: str) -> None:
    """Delete every Job on a volume, and wait until its pods are gone."""
    begins = jobs_of(run, pvc)
    for job in verbs.find(run.cluster, "Job", label=labels.selector(run.run_id)):
        name = job["metadata"]["name"]
        if name.startswith(begins):
            verbs.delete(run.cluster, "Job", name)
            watches.wait_gone(
                run.cluster,
                "Pod",
                what=f"end of the pod of Job {name}",
                limit_seconds=END_SECONDS,
                label=pods.of_job(name),
            )


def _gone(run: Run, kind: str, name: str) -> None:
    watches.wait_gone(
        run.cluster,
        kind,
        what=f"deletion of {kind} {name}",
        limit_seconds=run.plan.delete_limit_seconds,
        name=name,
    )
