"""What a results location may be: the same by the plan and by the pattern of its JSON schema."""

import re

import pytest
from pydantic import ValidationError

from tasks.plan.location import open_store
from tasks.plan.plan import Plan


def by_plan(location: str) -> bool:
    try:
        Plan(results=location)
    except ValidationError:
        return False
    return True


def by_schema(location: str) -> bool:
    """As Prefect's API asks, before it keeps what a form was filled with."""
    pattern = Plan.model_json_schema()["properties"]["results"]["pattern"]
    return re.search(pattern, location) is not None


@pytest.mark.parametrize(
    "location",
    [
        "results",
        "/data/user@host/results",
        "C:/results",
        "file:///data/100%25",
        "s3://bucket",
        "s3://bucket/a%20prefix",
        "s3://bucket/x?region=eu-central-1",
        "s3://bucket/x?endpoint_override=127.0.0.1:9000&scheme=http&region=us-east-1",
        "s3://bucket/x?endpoint_override=http%3A%2F%2Fhost%3A9000",
        "s3://bucket/x?tls_ca_file_path=/etc/ssl/ca.pem",
        "gs://bucket/a%20prefix",
        "abfs://box@account.dfs.core.windows.net",
        "abfss://a-box@account.dfs.core.windows.net/a/prefix",
        "abfs://box@account.dfs.core.windows.net/x?endpoint_override=127.0.0.1:10000&scheme=http",
    ],
)
def test_a_location_without_credentials_is_taken(location: str) -> None:
    """With any option that there is."""
    assert by_plan(location)
    assert by_schema(location)


@pytest.mark.parametrize(
    "location",
    [
        "s3://key:secret@bucket/x",
        "s3://key%3Asecret@bucket/x",
        "s3://key:secret%40bucket/x",
        "key%3asecret%40bucket",
        "s3://bucket/x?access_key=key&secret_key=secret",
        "s3://bucket/x?region=a&secret_key=secret",
        "s3://bucket/x?region=a&session_token=secret",
        "s3://bucket/x?%73ecret_key=secret",
        "s3://bucket/x?Secret_Key=secret",
        "s3://bucket/x?endpoint_override=http://u:secret@h",
        "s3://bucket/x?endpoint_override=http%3A%2F%2Fu%3Asecret%40h",
        "s3://bucket/x?region=a?secret_key=secret",
        "s3://bucket/x?region=a;secret_key=secret",
        "bucket/x?secret_key=secret",
        "gs://key:secret@bucket/x",
        "abfs://box:secret@account.dfs.core.windows.net/x",
        "abfs://account:secret@box/x",
        "abfs://Secret+/==@account.dfs.core.windows.net/x",
        "abfs://box@account.dfs.core.windows.net/u:secret@h",
        "abfs://box@account.dfs.core.windows.net/x?sas_token=secret",
        "abfs://box@account.dfs.core.windows.net/x?sig=secret",
        "abfs://secret@box.example.org/x:y",
    ],
)
def test_a_location_that_may_hold_credentials_is_refused(location: str) -> None:
    """Prefect and Parquet would keep it."""
    assert not by_plan(location)
    assert not by_schema(location)


def test_an_option_may_be_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a URI has it."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    location = "s3://bucket/a%20b?endpoint_override=127.0.0.1%3A1&scheme=http&region=a"
    assert open_store(location)[1] == "bucket/a b"


def test_a_store_has_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """A save writes seven tables; another endpoint is another store."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    first, _ = open_store("s3://bucket/a")
    second, path = open_store("s3://bucket/b")
    assert first is second
    assert path == "bucket/b"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:2")
    assert open_store("s3://bucket/a")[0] is not first
