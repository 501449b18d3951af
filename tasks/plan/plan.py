"""The plan: a run's whole input, whether it comes from Prefect's form, a file or the command line.

Defaults are literals, so that Prefect's form shows them; the unit stands in a field's name. A
Kubernetes quantity, such as 4Gi, carries its own.
"""

import os
import re
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from tasks.plan.location import Location
from tasks.plan.node_fault import FAULT_FIELDS, NodeFault
from tasks.plan.pod import Pod
from tasks.plan.quantity import quantity_bytes
from tasks.plan.requirements import (
    References,
    Requirements,
    Specifications,
)
from tasks.plan.vocabulary import WriterKind

Profile = Literal["quick", "standard", "kubestr", "wal", "sustained"]
AccessMode = Literal["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"]
VolumeMode = Literal["Filesystem", "Block"]
NodeStorm = Literal["drain", "node-crash", "node-partition", "node-lost"]
Storm = Literal[
    "container-restart",
    "pod-delete",
    "pod-kill",
    "drain",
    "node-crash",
    "node-partition",
    "node-lost",
]
StormVolume = Literal[
    "emptyDir",
    "hostPath-pinned",
    "hostPath",
    "local",
    "storage-classes",
    "storage-classes-rwx",
]

T = TypeVar("T")
QUANTITY = r"^[0-9]+(\.[0-9]+)?(k|M|G|T|Ki|Mi|Gi|Ti)?$"
NAME = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"
# In a pod, its own: a service account seldom has rights elsewhere.
NAMESPACE = os.environ.get("STORMARK_NAMESPACE", "")
IMAGE = "ghcr.io/kastenhq/kubestr:latest"
SMALLEST_VOLUME_BYTES = 64 * 2**20


class PlanError(Exception):
    """The plan cannot be carried out: the message names the field and what is allowed."""


def _at_least_smallest(size: str) -> str:
    if not re.fullmatch(QUANTITY, size):
        raise ValueError("a Kubernetes quantity such as 4Gi or 500M")
    if quantity_bytes(size) < SMALLEST_VOLUME_BYTES:
        raise ValueError("a volume to measure on has at least 64Mi")
    return size


def _each_once(names: list[T]) -> list[T]:
    if twice := {str(name) for name in names if names.count(name) > 1}:
        raise ValueError(f"each at most once, and {', '.join(sorted(twice))} is there more often")
    return names


class Toleration(BaseModel):
    """A taint that the pods of a run tolerate."""

    model_config = ConfigDict(extra="forbid")

    key: str = Field(default="", description="Key of the taint; empty with Exists: every taint.")
    operator: Literal["Exists", "Equal"] = Field(default="Exists", description="How to compare.")
    value: str = Field(default="", description="Value of the taint, for Equal.")
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = Field(
        default="", description="Effect of the taint; empty means every effect."
    )


class Plan(BaseModel):
    """What a run measures, on which classes, where, and for how long."""

    model_config = ConfigDict(extra="forbid", title="Plan")

    storage_classes: list[Annotated[str, Field(pattern=NAME)]] = Field(
        default=[],
        description="StorageClasses to compare, the first is the reference. "
        "Empty: every class of the cluster, its default class first.",
    )
    profile: Profile = Field(
        default="standard",
        description="quick: random reads and writes of 4k (IOPS) and of 128k (bandwidth), seconds "
        "each. standard: twelve jobs, one at a time. kubestr: kubestr's four jobs at once, so "
        "contention. wal: small writes with fdatasync. sustained: 4k random writes until they are "
        "steady, half an hour at most.",
    )
    fio_file: str | None = Field(
        default=None,
        description="Text of a fio job file of your own, in place of the profile.",
    )
    fio_env: dict[Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")], str] = Field(
        default={}, description="Values of the variables that fio_file has as ${NAME}."
    )
    rounds: int = Field(
        default=3,
        ge=1,
        le=100,
        description="How often each class is measured, each time on a new volume; from 3 on a "
        "report has verdicts.",
    )
    within: str = Field(
        default="",
        pattern=r"^([1-9][0-9]{0,5}[smh])?$",
        description="How long a run shall take, such as 45m: rounds, and seconds of each timed "
        "job, are chosen to fit, in place of rounds and runtime_seconds.",
    )
    control: bool = Field(
        default=False,
        description="Measure the reference class a second time, under another name: it must not "
        "come out different, and shows how far volumes of one class lie apart.",
    )
    equal_within_percent: float = Field(
        default=10.0,
        gt=0,
        le=100,
        description="Two classes are equal where their difference is surely smaller than this.",
    )
    seed: int | None = Field(
        default=None,
        ge=0,
        lt=2**31,
        description="Decides in which order the classes run, and on which node a run begins. "
        "Empty: chosen, and recorded with the run.",
    )
    runtime_seconds: int | None = Field(
        default=None, ge=1, le=86400, description="Length of each timed job. Empty: the profile's."
    )
    ramp_seconds: int | None = Field(
        default=None, ge=0, le=3600, description="Run before figures count. Empty: the profile's."
    )
    volume_size: Annotated[str, AfterValidator(_at_least_smallest)] = Field(
        default="4Gi",
        description="Size of each PVC. fio uses 80 % of it; a cache should not hold it.",
    )
    access_mode: AccessMode = Field(default="ReadWriteOnce", description="Access mode of the PVCs.")
    volume_mode: VolumeMode = Field(
        default="Filesystem", description="Filesystem, or Block for the raw device."
    )
    pvc: str = Field(
        default="",
        pattern=rf"^$|{NAME}",
        description="Name of a PVC that exists, such as of a restored snapshot: measured, in a "
        "folder of the run's own, in place of a new one of each class, and never deleted. "
        "Benchmark only.",
    )
    context: str | None = Field(
        default=None, description="Context of the kubeconfig. Empty: its current one."
    )
    namespace: str = Field(
        default=NAMESPACE,
        pattern=r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$",
        description="Namespace, which must exist, for all that the run creates. Empty: the "
        "context's own, as for kubectl.",
    )
    node_selector: dict[str, str] = Field(
        default={}, description="Labels that a node must have for the pods to run there."
    )
    tolerations: list[Toleration] = Field(default=[], description="Taints that pods tolerate.")
    image: str = Field(
        default=IMAGE,
        min_length=1,
        description="Image with fio, a POSIX sh, cat, date, df, mkfifo and rm; for storms also "
        "chmod, dd, mkdir and sleep. manifests/Containerfile builds one.",
    )
    image_pull_policy: Literal["IfNotPresent", "Always", "Never"] = Field(
        default="IfNotPresent", description="When a node pulls the image."
    )
    pod: Pod = Field(
        default=Pod(),
        title="Every Pod",
        description="What every pod of the run has beside stormark's own: labels, annotations, "
        "resources, image_pull_secrets, names of classes and accounts, security_context.",
    )
    results: Location = Field(
        default="results",
        description="Folder, or URI (file:, s3:, gs:, abfs:), for Parquet files and reports.",
    )
    storms: Annotated[list[Storm], AfterValidator(_each_once)] = Field(
        min_length=1,
        default=["container-restart", "pod-delete", "pod-kill", "drain"],
        description="What is done to the pod that writes, or to its node; node-crash and node-lost "
        "need the commands of node_fault, node-partition those of node_partition.",
    )
    storm_volumes: Annotated[list[StormVolume], AfterValidator(_each_once)] = Field(
        min_length=1,
        default=[
            "emptyDir",
            "hostPath-pinned",
            "hostPath",
            "local",
            "storage-classes",
            "storage-classes-rwx",
        ],
        description="The volumes it writes to; storage-classes: a PVC of each class of the plan, "
        "storage-classes-rwx: a ReadWriteMany one of each class that has such.",
    )
    writers: Annotated[list[WriterKind], AfterValidator(_each_once)] = Field(
        min_length=1,
        default=["Deployment"],
        description="What runs the pod that writes: a Deployment, a StatefulSet as databases do, "
        "or both, each on volumes of its own.",
    )
    storm_rounds: int = Field(
        default=1, ge=1, le=100, description="How often each storm meets each volume."
    )
    writes_per_second: int = Field(
        default=10, ge=1, le=50, description="Records that the writer appends each second."
    )
    hold_seconds: int = Field(
        default=30, ge=1, le=3600, description="How long a node stays cordoned, or broken."
    )
    recovery_limit_seconds: int = Field(
        default=120, ge=5, le=3600, description="Time to write again, before it counts as never."
    )
    drain: Literal["own", "full"] = Field(
        default="own",
        description="own: only this run's pods are evicted. full: every pod of the node, as "
        "`kubectl drain --force --ignore-daemonsets --delete-emptydir-data` does.",
    )
    node_fault: NodeFault | None = Field(
        default=None,
        title="Node Fault",
        validate_default=True,
        description="For node-crash and node-lost: commands of yours that stop a node and start it "
        "again.",
    )
    out_of_service_after_seconds: int | None = Field(
        default=None,
        ge=1,
        le=3600,
        description="For node-lost: so long after the fault the node gets the taint "
        "node.kubernetes.io/out-of-service, once it is not Ready. Empty: never, and Kubernetes' "
        "own times count.",
    )
    node_partition: NodeFault | None = Field(
        default=None,
        title="Node Partition",
        validate_default=True,
        description="For node-partition: commands that cut a node's network and join it again.",
    )
    storm_nodes: str = Field(
        default="",
        description="Label selector of the nodes that a storm may drain or break; empty: any. A "
        "control plane only where it names hostnames: kubernetes.io/hostname in (s1,s2).",
    )
    specifications: Specifications = Field(
        default={}, description="Specifications of your own by name, as references.yaml has them."
    )
    references: References = Field(
        default={},
        description="By class: the specification that its figures are held against, such as "
        "ebs-gp3. What a class says of itself in its parameters needs none.",
    )
    requirements: Requirements = Field(
        default={},
        description="By class, * for every one: what it has to reach. A run in which one surely "
        "does not ends as Unmet.",
    )
    bind_limit_seconds: int = Field(
        default=120, ge=1, le=3600, description="Time for a PVC to be bound."
    )
    start_limit_seconds: int = Field(
        default=180, ge=1, le=3600, description="Time for a pod to run: schedule, attach, pull."
    )
    delete_limit_seconds: int = Field(
        default=120,
        ge=1,
        le=3600,
        description="Time for what is deleted at the end to be gone; what is slower is only noted.",
    )
    run_limit_seconds: int = Field(
        default=14400,
        ge=60,
        le=604800,
        description="Time for the whole run; past it, it ends itself and keeps what it has.",
    )
    late_limit_seconds: int = Field(
        default=10800,
        ge=0,
        le=604800,
        description="A run on a schedule that starts so much after its time is refused: a worker "
        "that was away all night drains no node by day. Runs by hand are never late.",
    )

    @model_validator(mode="before")
    @classmethod
    def _has_no_field_of_before(cls, values: object) -> object:
        """What a plan of before says is answered with what to write instead."""
        if isinstance(values, dict) and "repeats" in values:
            raise ValueError(
                f"plan field repeats: write `rounds: {values['repeats']}` in its place. A round is "
                "a new volume of each class; repeats were on one, and said nothing of the class"
            )
        return values

    @field_validator("node_fault", "node_partition")
    @classmethod
    def _is_there_for_its_storm(
        cls, fault: NodeFault | None, info: ValidationInfo
    ) -> NodeFault | None:
        for storm in info.data.get("storms", []):
            if fault is None and FAULT_FIELDS.get(storm) == info.field_name:
                raise ValueError(
                    f"storm {storm} needs it: {{down: '… {{node}}', up: '… {{node}}'}}"
                )
        return fault

    def measured(self, class_count: int) -> int:
        """How many volumes a round has: one of each class, and the control's."""
        return class_count + self.control

    def turns(self, class_count: int) -> int:
        """How many volumes are measured in all rounds."""
        return self.rounds * self.measured(class_count)

    @property
    def node_faults(self) -> dict[str, NodeFault]:
        """The commands of the plan by their storm."""
        faults = {storm: getattr(self, field) for storm, field in FAULT_FIELDS.items()}
        return {storm: fault for storm, fault in faults.items() if fault is not None}
