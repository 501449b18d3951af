"""What a plan demands of its classes, and what it holds their figures against."""

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

# Specifications that stormark brings along: the names in reports/decision/references.yaml.
SHIPPED = (
    "ebs-gp3",
    "ebs-gp2",
    "ebs-io2",
    "gcp-pd-balanced",
    "gcp-pd-ssd",
    "gcp-hyperdisk-balanced",
    "azure-premium-ssd-v2",
    "sata-ssd",
    "nvme-ssd",
    "lab-local-path",
    "lab-nfs-client",
)
V = TypeVar("V")
EVERY_CLASS = "*"
CLASS_NAME = r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"
Figure = Annotated[float, Field(gt=0)]


class Requirement(BaseModel):
    """What a class has to reach. Empty fields demand nothing."""

    model_config = ConfigDict(extra="forbid")

    min_read_iops: Figure | None = Field(
        default=None, description="Random reads of up to 16 KiB a second, at depth 32 or more."
    )
    min_write_iops: Figure | None = Field(
        default=None, description="Random writes of up to 16 KiB a second, at depth 32 or more."
    )
    min_read_bytes_per_second: Figure | None = Field(
        default=None, description="Bytes read a second in blocks of 128 KiB or more."
    )
    min_write_bytes_per_second: Figure | None = Field(
        default=None, description="Bytes written a second in blocks of 128 KiB or more."
    )
    max_commit_p99_seconds: Figure | None = Field(
        default=None, description="99th percentile of an fsync or fdatasync of one small writer."
    )
    max_read_p99_seconds: Figure | None = Field(
        default=None,
        description="99th percentile of a small random read below the limit: at a fixed rate, "
        "else one at a time.",
    )
    max_provision_seconds: Figure | None = Field(
        default=None, description="From the PVC to the first running pod with it."
    )
    max_recovery_seconds: Figure | None = Field(
        default=None,
        description="From a storm to the next acknowledged write; to wait for one's node is not "
        "to recover.",
    )
    no_lost_records: bool | None = Field(
        default=None,
        description="No storm may lose an acknowledged record. False excuses a class from it.",
    )


class Limit(BaseModel):
    """A figure that a specification promises, and the jobs that may be held against it."""

    model_config = ConfigDict(extra="forbid")

    figure: Literal["iops", "bytes_per_second"] = Field(description="Of what it is the limit.")
    value: float = Field(default=0, ge=0, description="The limit of a volume of any size.")
    per_gib: float = Field(default=0, ge=0, description="On top of it, for each GiB.")
    at_least: float | None = Field(default=None, gt=0, description="The least of any size.")
    at_most: float | None = Field(default=None, gt=0, description="The most of any size.")
    direction: Literal["read", "write", "either"] = Field(
        default="either", description="Jobs that only read, only write, or either."
    )
    access: Literal["random", "sequential", "any"] = Field(
        default="any", description="Jobs of which access."
    )
    smallest_block_bytes: int = Field(default=1, ge=1, description="Blocks from this size on.")
    largest_block_bytes: int | None = Field(
        default=None, ge=1, description="Blocks up to this size. Empty: of any."
    )
    min_io_depth: int = Field(
        default=1, ge=1, description="I/Os in flight, of all processes, from this number on."
    )
    direct: bool = Field(default=True, description="Only jobs past the page cache.")
    concurrent_jobs: int = Field(default=1, ge=1, description="So many jobs ran at once.")


class Specification(BaseModel):
    """What somebody promises of a class, and where that is written."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, description="What it is, such as a product.")
    source: str = Field(min_length=1, description="Where it is written, such as an address.")
    read_on: str = Field(
        default="", pattern=r"^(\d{4}-\d\d-\d\d)?$", description="When it was read: 2026-11-27."
    )
    note: str = Field(default="", description="What else a reader has to know.")
    limits: Annotated[list[Limit], Field(min_length=1)] = Field(description="Its figures.")


def _are_known(chosen: dict[str, str], info: ValidationInfo) -> dict[str, str]:
    """Every specification that a class is held against exists."""
    own = info.data.get("specifications")
    if own is not None and not set(chosen.values()) <= {*own, *SHIPPED}:
        raise ValueError(f"each by the name of a specification: {', '.join([*own, *SHIPPED])}")
    return _are_planned(chosen, info)


def _are_planned(chosen: dict[str, V], info: ValidationInfo) -> dict[str, V]:
    """Every class is one of the plan's, where it names them."""
    classes = info.data.get("storage_classes")
    if classes and not set(chosen) <= {EVERY_CLASS, *classes}:
        raise ValueError(f"by class of the plan: {', '.join(classes)}, or {EVERY_CLASS} for all")
    return chosen


Specifications = dict[Annotated[str, Field(pattern=CLASS_NAME)], Specification]
References = Annotated[dict[str, str], AfterValidator(_are_known)]
Requirements = Annotated[dict[str, Requirement], AfterValidator(_are_planned)]
