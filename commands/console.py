"""What every command says and how it ends."""

import typer
from rich.console import Console

COMPLETE, INCOMPLETE, REFUSED, UNMET, INTERRUPTED = 0, 1, 2, 3, 130

console = Console()
errors = Console(stderr=True)


def say(message: str) -> None:
    """Print a line as it stands: what a person named may look like markup."""
    console.print(message, soft_wrap=True, markup=False, highlight=False)


def complain(message: str, style: str | None = "red") -> None:
    """Print a line to stderr as it stands."""
    errors.print(f"stormark: {message}", style=style, soft_wrap=True, markup=False, highlight=False)


def refused(message: str) -> typer.Exit:
    """Say why nothing was done; raise what is returned."""
    complain(message)
    return typer.Exit(REFUSED)
