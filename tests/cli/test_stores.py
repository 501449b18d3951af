"""Results in object stores of other kinds: written, read again, refused, without a secret.

Google's is gcp-storage-emulator, on loopback. Azure's is Azurite where this machine has it
(`npm install --global azurite`), and always a stand-in for pyarrow's filesystem: what it is given.
One of S3's protocol that is not AWS's is `rclone serve s3`, where this machine has rclone
(`go install github.com/rclone/rclone@latest`); what it refuses, test_s3.py refuses as well.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import urllib3
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pyarrow import fs

from tasks.plan import location as locations
from tasks.results import store as results
from tasks.results.schema import TABLES
from tests.cli.written import is_there_once
from tests.conftest import Cluster, Stormark
from tests.flows.server import free_port, until
from tests.reports.sample import RUN_ID, write_run

# The account that Azurite has by itself, with the key that its documentation prints.
ACCOUNT = "devstoreaccount1"
AZURE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
# Not in this process: pyarrow reads Google's store while it holds the interpreter's lock.
EMULATOR = """
from gcp_storage_emulator.server import create_server

server = create_server("127.0.0.1", 0, in_memory=True, default_bucket="box")
server.start()
print(server._api._httpd.server_port, flush=True)
"""


class Store(NamedTuple):
    """An object store with a bucket or container `box`, which needs a secret."""

    kind: str
    address: str
    secret: str

    def uri(self, bucket: str = "box", address: str = "") -> str:
        where = f"{bucket}@{ACCOUNT}.dfs.core.windows.net" if self.kind == "abfs" else bucket
        return (
            f"{self.kind}://{where}/nights?endpoint_override={address or self.address}&scheme=http"
        )

    def objects(self) -> dict[str, bytes]:
        """What lies in the box, by its path below the prefix."""
        filesystem, root = results.open_location(self.uri())
        found = filesystem.get_file_info(fs.FileSelector(root.partition("/")[0], recursive=True))
        files = [info.path for info in found if info.type == fs.FileType.File]
        return {
            path.removeprefix(f"{root}/"): filesystem.open_input_file(path).read() for path in files
        }


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Store]:
    pytest.importorskip(
        "gcp_storage_emulator", reason="`make .venv/dev` installs gcp-storage-emulator"
    )
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    account = {
        "type": "service_account",
        "client_email": "stormark@example.iam.gserviceaccount.com",
        "private_key_id": "of-the-tests",
        "private_key": key.decode(),
        "token_uri": "http://127.0.0.1:1/token",
    }
    (tmp_path / "account.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "account.json"))
    with started(sys.executable, "-c", EMULATOR) as said:
        yield Store("gs", f"127.0.0.1:{int(said)}", key.decode().split("\n")[1])


@contextmanager
def started(*command: str) -> Iterator[str]:
    """Run a server; the first line that it says, once it listens."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline()
        finally:
            server.terminate()


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Store]:
    program = shutil.which("azurite-blob")
    if program is None:
        pytest.skip("there is no azurite-blob on PATH: `npm install --global azurite`")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", AZURE_KEY)
    store = Store("abfs", f"127.0.0.1:{free_port()}", AZURE_KEY)
    host, port = store.address.split(":")
    place = ["--blobHost", host, "--blobPort", port, "--location", str(tmp_path / "azurite")]
    command = [program, *place, "--skipApiVersionCheck", "--silent"]
    with started(*command):  # it says that it begins; a client asks until it listens
        filesystem, _ = results.open_location(store.uri())
        until(lambda: filesystem.create_dir("box"), lambda _: True)
        yield store


@pytest.fixture
def rclone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Store]:
    program = shutil.which("rclone")
    if program is None:
        pytest.skip("there is no rclone on PATH: `go install github.com/rclone/rclone@latest`")
    (tmp_path / "served" / "box").mkdir(parents=True)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "KEYOFTHETESTS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-tests")
    store = Store("s3", f"127.0.0.1:{free_port()}", "secret-of-the-tests")
    keys = ["--auth-key", f"KEYOFTHETESTS,{store.secret}"]
    place = ["--addr", store.address, str(tmp_path / "served")]
    command = [program, "--config", "", "serve", "s3", *keys, *place]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        with urllib3.PoolManager(retries=False) as pool:
            until(lambda: _answers(pool, store.address), bool)
        yield store
        server.terminate()


def _answers(pool: urllib3.PoolManager, address: str) -> bool:
    try:
        return pool.request("GET", f"http://{address}/").status > 0
    except urllib3.exceptions.HTTPError:
        return False


@pytest.fixture(params=["google", "azure", "rclone"])
def store(request: pytest.FixtureRequest) -> Store:
    found: Store = request.getfixturevalue(request.param)
    return found


@pytest.mark.usefixtures("prefect_server")
def test_a_run_there(stormark: Stormark, store: Store) -> None:
    """Written whole, and read again by what the run offers, with nothing more and no secret."""
    ran = stormark("--results", store.uri())
    assert ran.exit_code == 0, ran.stderr
    plain = store.uri().partition("?")[0]
    (run,) = re.findall(rf"report: +{plain}/reports/(\S+)\.md", ran.stdout)
    day = f"date={run[:4]}-{run[4:6]}-{run[6:8]}"
    tables = {f"{table}/{day}/{run}.parquet" for table in TABLES}
    names = (f"{run}.html", f"{run}.md", f"{run}.svg", "latest.html", "latest.md")
    reports = {f"reports/{name}" for name in names}
    assert set(store.objects()) == tables | reports | {".stormark"}
    (offered,) = re.findall("again: +stormark (.*)", ran.stdout)
    again = stormark.command(*shlex.split(offered))
    listed = stormark.command("runs", "--results", store.uri())
    assert [again.exit_code, listed.exit_code] == [0, 0], again.stderr + listed.stderr
    assert run in listed.stdout
    texts = [*(one.output.encode() for one in (ran, again, listed)), *store.objects().values()]
    assert [text for text in texts if store.secret.encode() in text] == []


def test_a_run_written_twice_is_there_once(store: Store) -> None:
    """As in a folder: the second write replaces the first."""
    is_there_once(store.uri(), store.objects)


@pytest.mark.parametrize("wrong", [{"bucket": "nowhere"}, {"address": "127.0.0.1:1"}])
def test_one_that_cannot_be_used(
    stormark: Stormark, store: Store, cluster: Cluster, wrong: dict[str, str]
) -> None:
    """It is found before anything is created, in one sentence without a secret."""
    location = store.uri(**wrong)
    ran = stormark("--results", location)
    assert ran.exit_code == 2
    assert ran.stderr.startswith(f"stormark: results location {location!r} is not writable: ")
    assert "error_info" not in ran.stderr
    assert store.secret not in ran.output
    assert cluster.kinds_with_events(stormark.namespace) == set()


class Given(NamedTuple):
    """How pyarrow's filesystem of Azure was made."""

    account: str
    key: str | None
    places: dict[str, str]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Given]]:
    """What a stand-in for that filesystem was made with; it keeps its objects in memory."""
    given: list[Given] = []

    def stand_in(account: str, *, account_key: str | None, **places: str) -> fs.FileSystem:
        given.append(Given(account, account_key, places))
        memory = fs._MockFileSystem()
        memory.create_dir("box")
        return memory

    monkeypatch.setattr(fs, "AzureFileSystem", stand_in)
    locations._azure_store.cache_clear()
    yield given
    locations._azure_store.cache_clear()


@pytest.mark.parametrize(
    ("place", "blob", "dfs", "scheme"),
    [
        ("windows.net/a%20prefix/", ".blob.core.windows.net", ".dfs.core.windows.net", "https"),
        ("cloudapi.cn/a%20prefix", ".blob.core.cloudapi.cn", ".dfs.core.cloudapi.cn", "https"),
        ("windows.net/a prefix?endpoint_override=h:1&scheme=http", "h:1", "h:1", "http"),
    ],
)
def test_what_azures_filesystem_is_made_with(
    made: list[Given], place: str, blob: str, dfs: str, scheme: str
) -> None:
    """The account and its cloud are the URI's."""
    _, path = results.open_location(f"abfss://box@account.dfs.core.{place}")
    assert path == "box/a prefix"
    (given,) = made
    assert given.account == "account"
    assert given.places == {
        "blob_storage_authority": blob,
        "dfs_storage_authority": dfs,
        "blob_storage_scheme": scheme,
        "dfs_storage_scheme": scheme,
    }


@pytest.mark.parametrize("key", ["of-the-tests", None])
def test_azures_key_is_the_environments(
    made: list[Given], monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    """Without one, Azure's own libraries find an identity."""
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY", raising=False)
    if key:
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", key)
    results.open_location("abfs://box@account.dfs.core.windows.net/x")
    assert [(given.account, given.key) for given in made] == [("account", key)]


@pytest.mark.usefixtures("made")
def test_a_run_in_the_stand_in() -> None:
    """Its tables are read again, from the same client."""
    location = "abfs://box@account.dfs.core.windows.net"
    with pytest.raises(results.ResultsError, match=r"box/fio/date=.* cannot be written"):
        write_run(location, {"local-path": 1.0})
    filesystem, _ = results.open_location(location)
    for table in TABLES:
        filesystem.create_dir(f"box/{table}/date=2026-11-23")  # which Azure's has no need of
    write_run(location, {"local-path": 1.0})
    assert list(results.read_table(location, "runs")["run_id"]) == [RUN_ID]
