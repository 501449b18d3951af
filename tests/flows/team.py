"""The server of manifests/prefect/compose.yaml on a real Postgres, all of it on 127.0.0.1."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from flows.up import ROOT
from tests.flows.postgres import Postgres, postgres
from tests.flows.server import Server, deployed

# With what an escape would be needed for in a URL.
PASSWORD = "p@ss/w:rd%41#"
VARIABLE = re.compile(r"\$\{(\w+):([-?])([^}]*)\}")


class Team(NamedTuple):
    """A server with the deployments, and the database where it keeps them."""

    server: Server
    database: Postgres


def services() -> dict[str, dict[str, Any]]:
    """The services of the Compose file for a caller who gives the password and nothing else."""
    text = (ROOT / "manifests/prefect/compose.yaml").read_text()
    given = {"POSTGRES_PASSWORD": PASSWORD}

    def value(found: re.Match[str]) -> str:
        name, kind, word = found.groups()
        return repr(given[name] if kind == "?" else word)

    found: dict[str, dict[str, Any]] = yaml.safe_load(VARIABLE.sub(value, text))["services"]
    return found


@contextmanager
def on_postgres(folder: Path) -> Iterator[Team]:
    """What the Compose file starts, without its containers, for the block."""
    composed = services()
    settings = {k: v for k, v in composed["server"]["environment"].items() if v is not None}
    made = composed["database"]["environment"]
    assert settings["PREFECT_SERVER_DATABASE_HOST"] == "database"
    assert made["POSTGRES_DB"] == made["POSTGRES_USER"]
    with postgres(made["POSTGRES_USER"], made["POSTGRES_PASSWORD"]) as database:
        settings |= {
            "PREFECT_SERVER_DATABASE_HOST": "127.0.0.1",
            "PREFECT_SERVER_DATABASE_PORT": str(database.port),
            "PREFECT_SERVER_API_HOST": "127.0.0.1",
        }
        with deployed(folder, **settings) as server:
            yield Team(server, database)
