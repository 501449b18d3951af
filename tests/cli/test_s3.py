"""Results in an object store: written, read again, refused, and never with a secret in them.

The server is moto's, on loopback, made as strict as those that know S3 as it was before AWS sent
checksums with everything; what is asked of it goes through the command line.
"""

import logging
import os
import re
import shlex
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import urllib3
from moto.server import ThreadedMotoServer
from pyarrow import fs

from tasks.results.schema import TABLES
from tasks.results.store import read
from tests.cli.written import is_there_once
from tests.conftest import Cluster, Stormark
from tests.documents.test_results import BLOCKS, output_of
from tests.reports.sample import RUN_ID, write_run

KEY, SECRET = "KEYOFTHETESTS", "a/secret+of/the-tests"
PLAIN = "s3://bucket/stormark"
REPORT = re.compile(r"report: +s3://bucket/stormark/reports/(\S+)\.md")


class Asked(NamedTuple):
    """A request that a server was sent."""

    method: str
    path: str
    query: str
    checksum: bool


class Strict:
    """A server that notes what it is asked, and answers 411 to a body without a length."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.asked: list[Asked] = []

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        checksum = any(name.startswith("HTTP_X_AMZ_CHECKSUM") for name in environ)
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.asked.append(
            Asked(
                method, path, environ["QUERY_STRING"], checksum or "HTTP_X_AMZ_TRAILER" in environ
            )
        )
        sent = (f"HTTP_{name}_ENCODING" for name in ("CONTENT", "TRANSFER"))
        if any("chunked" in environ.get(name, "") for name in sent):
            start("411 Length Required", [("Content-Type", "application/xml")])
            return [b"<Error><Code>MissingContentLength</Code></Error>"]
        return self.app(environ, start)


class Store(NamedTuple):
    """An S3 server with one bucket; the environment has a key for it."""

    address: str
    strict: Strict

    def uri(self, bucket: str = "bucket") -> str:
        return f"s3://{bucket}/stormark?endpoint_override={self.address}&scheme=http"

    def ask(self, method: str, path: str, body: str | None = None) -> str:
        """The answer to a request that is not signed."""
        with urllib3.PoolManager() as pool:
            answer = pool.request(method, f"http://{self.address}{path}", body=body)
        assert answer.status == 200
        return answer.data.decode()

    def names(self) -> list[str]:
        """The names of all objects below the prefix."""
        return re.findall("<Key>stormark/(.*?)</Key>", self.ask("GET", "/bucket?list-type=2"))

    def objects(self) -> dict[str, bytes]:
        """What lies below the prefix."""
        bucket = fs.S3FileSystem(endpoint_override=self.address, scheme="http")
        keys = self.names()
        return {key: bucket.open_input_stream(f"bucket/stormark/{key}").read() for key in keys}

    def sent(self) -> list[Asked]:
        """The requests that have changed something since the bucket was made."""
        return [one for one in self.strict.asked[1:] if one.method not in ("GET", "HEAD")]


@pytest.fixture(scope="module")
def server() -> Iterator[Store]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    assert server._server is not None
    server._server.app = strict = Strict(server._server.app)
    yield Store(f"{host}:{port}", strict)
    server.stop()


@pytest.fixture
def store(server: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Store]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    server.strict.asked.clear()
    server.ask("PUT", "/bucket")
    yield server
    server.ask("POST", "/moto-api/reset-auth", "1000000")
    server.ask("POST", "/moto-api/reset")


@pytest.mark.usefixtures("prefect_server")
def test_runs_on_s3(stormark: Stormark, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written with the endpoint in the URI or in the environment, and read by every command."""
    said = [stormark("--results", store.uri())]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{store.address}")
    said.append(stormark("--results", PLAIN))
    assert [run.exit_code for run in said] == [0, 0], [run.stderr for run in said]
    first, second = (REPORT.findall(run.stdout)[0] for run in said)
    expected = {
        f"{table}/date={run[:4]}-{run[4:6]}-{run[6:8]}/{run}.parquet"
        for run in (first, second)
        for table in TABLES
    } | {f"reports/{run}.{ending}" for run in (first, second) for ending in ("html", "md", "svg")}
    expected.add(".stormark")  # that it could be written
    latest = {"reports/latest.html", "reports/latest.md"}
    assert set(store.objects()) == expected | latest
    assert {(one.method, one.query, one.checksum) for one in store.sent()} == {("PUT", "", False)}

    (offered,) = re.findall("again: +stormark (.*)", said[0].stdout)
    again = [
        stormark.command(*shlex.split(offered)),
        stormark.command("compare", first, second, "--results", store.uri()),
        stormark.command("runs", "--results", PLAIN),
    ]
    assert [command.exit_code for command in again] == [0, 0, 0], again
    assert REPORT.findall(again[0].stdout) == [first]
    assert REPORT.findall(again[1].stdout) == [f"{first}-and-{second}"]
    assert [run for run in again[2].stdout.split() if run in (first, second)] == [second, first]
    objects = store.objects()
    assert set(objects) - expected == latest | {f"reports/{first}-and-{second}.md"}
    assert objects["reports/latest.md"] == objects[f"reports/{second}.md"]
    texts = [*(each.output.encode() for each in said + again), *objects.values()]
    assert [text for text in texts if SECRET.encode() in text or KEY.encode() in text] == []


def test_what_pyarrow_sends_by_itself_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the server tells: of a body without a length, parts, checksums and folders as objects."""
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_supported")
    with pytest.raises(OSError, match="411"):
        write_and_delete(fs.S3FileSystem(endpoint_override=store.address, scheme="http"))
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
    write_and_delete(fs.S3FileSystem(endpoint_override=store.address, scheme="http"))
    sent = store.sent()
    assert "uploads" in {one.query for one in sent}
    assert {one.checksum for one in sent} == {True, False}
    assert "/bucket/folder/" in {one.path for one in sent}


def write_and_delete(filesystem: fs.FileSystem) -> None:
    with filesystem.open_output_stream("bucket/folder/file") as stream:
        stream.write(b"content")
    filesystem.delete_file("bucket/folder/file")


def test_a_run_written_twice_is_there_once(store: Store) -> None:
    """As in a folder: the second write replaces the first."""
    is_there_once(store.uri(), store.objects)


def test_the_files_of_a_month_become_one(stormark: Stormark, store: Store) -> None:
    """As in a folder; each run's own objects are gone, and its rows are read as before."""
    for day in (1, 2):
        started = datetime(2020, 1, day, tzinfo=UTC)
        run_id = f"{started:%Y%m%d}-000000-a1b2c3"
        write_run(store.uri(), {"local-path": 1.0}, run_id=run_id, facts={"started_at": started})
    before = read(store.uri(), "fio")
    assert stormark.command("compact", "--results", store.uri()).exit_code == 0
    files = [key for key in store.names() if key.endswith(".parquet")]
    assert set(files) == {
        f"{table}/date=2020-01-01/2020-01.parquet"
        for table in ("classes", "fio", "runs", "volumes")
    }
    assert read(store.uri(), "fio") == before


def test_what_the_page_shows_runs(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """pandas, polars and DuckDB read it, with what docs/results.md has them set."""
    write_run(store.uri(), {"local-path": 1.0})
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{store.address}")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    output = output_of(BLOCKS[-1], tmp_path)
    for words in (f"{RUN_ID} +complete", f"{RUN_ID} ┆ local-path", "write_iops +│ +[0-9]+"):
        assert re.search(words, output), output


def refuse_the_key(store: Store) -> str:
    store.ask("POST", "/moto-api/reset-auth", "0")
    return store.uri()


UNUSABLE = pytest.mark.parametrize(
    ("location_in", "words"),
    [
        (lambda store: store.uri("nowhere"), "bucket does not exist"),
        (refuse_the_key, "does not exist in our records"),
        (lambda _: f"{PLAIN}?endpoint_override=127.0.0.1:1&scheme=http", "Could not connect"),
    ],
    ids=["no bucket", "key refused", "no answer"],
)


@UNUSABLE
def test_a_store_that_cannot_be_used(
    stormark: Stormark,
    store: Store,
    cluster: Cluster,
    location_in: Callable[[Store], str],
    words: str,
) -> None:
    """It is found before anything is created, and by what only reads; no secret is told."""
    location = location_in(store)
    for arguments in (
        ["runs", "--results", location],
        ["report", RUN_ID, "--results", location],
        ["compare", RUN_ID, "other", "--results", location],
    ):
        result = stormark.command(*arguments)
        assert result.exit_code == 2
        assert location in result.stderr
        assert SECRET not in result.output
    result = stormark("--results", location)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"stormark: results location {location!r} is not writable: ")
    assert words in result.stderr
    assert SECRET not in result.output
    assert cluster.kinds_with_events(stormark.namespace) == set()


@pytest.mark.parametrize(
    "place",
    [
        "KEY:s3kr1t@bucket/x",
        "KEY:s3/kr1t@bucket",
        "s3kr1t@b",
        "bucket/x?access_key=KEY&secret_key=s3kr1t",
        "bucket/x?region=a&%73ecret_key=s3kr1t",
        "bucket/x?endpoint_override=http%3A%2F%2FKEY%3As3kr1t%40host",
        "bucket/x?region=a#secret_key=s3kr1t",
    ],
)
@pytest.mark.parametrize("scheme", ["s3", "S3", "http"])
def test_credentials_in_a_location_are_refused(
    stormark: Stormark, cluster: Cluster, tmp_path: Path, scheme: str, place: str
) -> None:
    """They would be kept with the plan of each run; the message says where they belong."""
    location = f"{scheme}://{place}"
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"results: {location}\n")
    for arguments in (
        ["run", "--results", location],
        ["run", "--plan", str(plan)],
        ["preflight", "--plan", str(plan)],
        ["demo", "--results", location],
        ["runs", "--results", location],
        ["report", RUN_ID, "--results", location],
        ["compare", RUN_ID, "other", "--results", location],
    ):
        result = stormark.command(*arguments)
        assert result.exit_code == 2
        assert "AWS_SECRET_ACCESS_KEY" in result.stderr
        assert "kr1t" not in result.output
    assert cluster.kinds_with_events(stormark.namespace) == set()
