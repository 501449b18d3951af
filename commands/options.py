"""What several commands take: the same option has the same name and words everywhere."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Flow(StrEnum):
    """What a run does."""

    benchmark = "benchmark"
    storms = "storms"
    nightly = "nightly"


class Output(StrEnum):
    """How a command prints what it found."""

    table = "table"
    json = "json"


PlanFile = Annotated[
    Path | None, typer.Option("--plan", help="A plan as YAML; options override it.")
]
Context = Annotated[str | None, typer.Option(help="Context of the kubeconfig.")]
StorageClasses = Annotated[
    list[str] | None, typer.Option("--class", help="A StorageClass; repeat for several.")
]
Namespace = Annotated[str | None, typer.Option(help="Namespace to work in.")]
Image = Annotated[str | None, typer.Option(help="Image with fio and sh.")]
Results = Annotated[str, typer.Option(help="Where the Parquet files are.")]
Printed = Annotated[Output, typer.Option(help="For people, or for machines.")]
