"""`stormark plan`: every field of a plan."""

from commands.console import console

EXAMPLES = "Example: `stormark plan > plan.yaml`"


def plan() -> None:
    """Print a plan with every field, its default and its meaning, for `stormark run --plan`."""
    from tasks.plan.plan_file import template

    console.print(template(), markup=False, highlight=False, soft_wrap=True, end="")
