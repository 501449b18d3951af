"""Commands of the user's own that break a node, and mend it."""

import shlex
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

# The plan's field by the storm that it is for.
FAULT_FIELDS = {
    "node-crash": "node_fault",
    "node-lost": "node_fault",
    "node-partition": "node_partition",
}


def _names_node(command: str) -> str:
    if "{node}" not in command:
        raise ValueError("a command with {node} where the node's name belongs")
    shlex.split(command)  # a ValueError where a quotation is not closed
    return command


class NodeFault(BaseModel):
    """Commands that run on the client, without a shell; {node} is the node's name.

    Results and errors show them: secrets belong into the environment of what they call.
    """

    model_config = ConfigDict(extra="forbid")

    down: Annotated[str, AfterValidator(_names_node)] = Field(description="Breaks a node.")
    up: Annotated[str, AfterValidator(_names_node)] = Field(
        description="Brings it back; also succeeds on a node that is not broken."
    )
