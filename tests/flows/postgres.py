"""A Postgres of the machine's own package, in a temporary folder, for as long as a block lasts."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGINT
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.flows.server import free_port, until

# Debian keeps them apart by version and out of PATH; others have them in PATH.
FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parts[-2]))
# Postgres refuses to run as root: then it is the package's user.
ACCOUNT = "postgres" if os.geteuid() == 0 else None


class Postgres(NamedTuple):
    """A database, which has the name of its only user, on a port of 127.0.0.1."""

    port: int
    user: str
    password: str

    def ask(self, question: str) -> str:
        """What a query answers: a line for each row."""
        command = [*self._client("psql"), "--dbname", self.user, "--tuples-only", "--no-align"]
        return self._run([*command, "--command", question]).stdout.strip()

    def _client(self, program: str) -> list[str]:
        return [_program(program), "-h", "127.0.0.1", "-p", str(self.port), "-U", self.user]

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PGPASSWORD": self.password}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)

    def create(self) -> None:
        self._run([*self._client("createdb"), self.user])


@contextmanager
def postgres(user: str, password: str) -> Iterator[Postgres]:
    """A new and empty database, for which that user needs that password."""
    database = Postgres(free_port(), user, password)
    with TemporaryDirectory(prefix="stormark-postgres-") as name:
        folder = Path(name)
        (folder / "password").write_text(password)
        if ACCOUNT:
            for path in (folder, folder / "password"):
                shutil.chown(path, ACCOUNT, ACCOUNT)
        made = ["--pgdata", "data", "--username", user, "--encoding", "UTF8", "--no-locale"]
        secret = ["--auth", "scram-sha-256", "--pwfile", "password", "--no-sync"]
        with _start(folder, "initdb", *made, *secret) as process:
            assert process.wait() == 0, (folder / "initdb.log").read_text()
        where = ["-h", "127.0.0.1", "-p", str(database.port), "-k", ""]
        with _start(folder, "postgres", "-D", "data", *where) as process:
            try:
                until(lambda: _listens(process, folder, database.port), bool)
                database.create()
                yield database
            finally:
                process.send_signal(SIGINT)  # ends its sessions, then itself


def _start(folder: Path, program: str, *arguments: str) -> subprocess.Popen[bytes]:
    """A program of Postgres's in that folder, with its words in a log there."""
    with (folder / f"{program}.log").open("wb") as output:
        return subprocess.Popen(
            [_program(program), *arguments],
            cwd=folder,
            user=ACCOUNT,
            group=ACCOUNT,
            extra_groups=[] if ACCOUNT else None,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _program(name: str) -> str:
    found = shutil.which(name, path=os.pathsep.join(map(str, reversed(FOLDERS))))
    found = found or shutil.which(name)
    assert found, f"Postgres is missing: no {name} (apt: package postgresql; `make postgres`)"
    return found


def _listens(process: subprocess.Popen[bytes], folder: Path, port: int) -> bool:
    assert process.poll() is None, (folder / "postgres.log").read_text()
    command = [_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    return subprocess.run(command, check=False).returncode == 0
