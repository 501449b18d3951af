"""Where results may lie: what a location must not hold, and how an object store's is opened."""

import os
import re
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Annotated
from urllib.parse import parse_qsl, unquote, urlsplit

from pyarrow import fs
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

OPTIONS = ("endpoint_override", "scheme", "region", "tls_ca_file_path")
# `s3://KEY:SECRET@bucket` and whatever is mistyped like it, also where a secret has a slash, and as
# %3A and %40; and `?access_key=KEY`: after ? come known options alone.
OPTION = f"(?:{'|'.join(OPTIONS)})=[^?&;#]*"
KNOWN_OPTIONS = rf"[^?]*(?:\?{OPTION}(?:&{OPTION})*)?$"
NO_AT, NO_COLON = "(?:[^@%]|%(?!40))*$", "(?:[^:%]|%(?!3[Aa]))*$"
# The one @ that there may be: a container's in a storage account, with names that Azure allows.
CONTAINER = rf"abfss?://[a-z0-9-]{{3,63}}@[a-z0-9]{{3,24}}\.dfs\.[a-z0-9.-]+(?:$|[/?]{NO_AT})"
WITHOUT_CREDENTIALS = f"^(?={KNOWN_OPTIONS})(?:{NO_AT}|{NO_COLON}|{CONTAINER})"
NO_CREDENTIALS = (
    "a results location is kept with each run and must not hold credentials, so no : and @ in one, "
    "but for abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX, and after ? only the options "
    f"{', '.join(OPTIONS)}. Credentials belong into the environment: AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_KEY"
)
# A store that does not answer is asked again for so long; by default it would be 15 minutes.
GCS_LIMIT = timedelta(seconds=10)


def holds_credentials(location: str) -> bool:
    """Whether a location may hold credentials; then nothing may repeat it."""
    return re.match(WITHOUT_CREDENTIALS, location) is None


def _without_credentials(location: str) -> str:
    if holds_credentials(location):
        raise PydanticCustomError("credentials", NO_CREDENTIALS)
    return location


# The pattern is for Prefect's API: it refuses what it would otherwise keep.
Location = Annotated[
    str,
    Field(min_length=1, json_schema_extra={"pattern": WITHOUT_CREDENTIALS}),
    AfterValidator(_without_credentials),
]


def open_store(uri: str) -> tuple[fs.FileSystem, str]:
    """The object store of a URI that is a Location, and bucket and prefix in it.

    OSError, ValueError or ArrowException where that cannot be. Not by `FileSystem.from_uri`: that
    asks a store which does not answer for minutes. One client a store: each new one asks for what
    it has to know of it, and makes connections of its own.
    """
    parts = urlsplit(uri)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    root, store = _STORES[parts.scheme](parts.netloc, options)
    return store, f"{root}{unquote(parts.path)}".rstrip("/")


def _s3(bucket: str, options: dict[str, str]) -> tuple[str, fs.FileSystem]:
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint and "endpoint_override" not in options:
        options["endpoint_override"] = endpoint
    if not options.keys() & {"region", "endpoint_override"}:
        options["region"] = _region(bucket)
    return bucket, _s3_store(tuple(sorted(options.items())))


@cache
def _region(bucket: str) -> str:
    return str(fs.resolve_s3_region(bucket))


@cache
def _s3_store(options: tuple[tuple[str, str], ...]) -> fs.FileSystem:
    """One that every server of S3's protocol understands, also where AWS has gone on.

    Checksums that AWS alone knows are sent as chunks without a length, unless they are asked for;
    and what is opened late is one PUT up to 10 MB, where it would else be an upload of parts.
    """
    for what in ("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION"):
        os.environ.setdefault(what, "when_required")  # the library reads no other setting of it
    return fs.S3FileSystem(allow_delayed_open=True, **dict(options))


def _gcs(bucket: str, options: dict[str, str]) -> tuple[str, fs.FileSystem]:
    _check_options("gs", options)
    return bucket, _gcs_store(tuple(sorted(options.items())))


@cache
def _gcs_store(options: tuple[tuple[str, str], ...]) -> fs.FileSystem:
    return fs.GcsFileSystem(retry_time_limit=GCS_LIMIT, **dict(options))


def _azure(host: str, options: dict[str, str]) -> tuple[str, fs.FileSystem]:
    _check_options("abfs", options)
    container, _, account_host = host.partition("@")
    account, _, domain = account_host.partition(".")
    if not domain.startswith("dfs."):
        raise ValueError("an abfs: URI is abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX")
    key = os.environ.get("AZURE_STORAGE_ACCOUNT_KEY")
    return container, _azure_store(account, domain, key, tuple(sorted(options.items())))


@cache
def _azure_store(
    account: str, domain: str, key: str | None, options: tuple[tuple[str, str], ...]
) -> fs.FileSystem:
    given = dict(options)
    override, scheme = given.get("endpoint_override"), given.get("scheme", "https")
    return fs.AzureFileSystem(
        account,
        account_key=key,  # without one: an identity, as Azure's own libraries find it
        dfs_storage_authority=override or f".{domain}",
        blob_storage_authority=override or f".blob.{domain.removeprefix('dfs.')}",
        dfs_storage_scheme=scheme,
        blob_storage_scheme=scheme,
    )


def _check_options(kind: str, options: dict[str, str]) -> None:
    known = ("endpoint_override", "scheme")
    if unknown := sorted(options.keys() - set(known)):
        raise ValueError(
            f"a {kind}: URI has no option {', '.join(unknown)}, only {' and '.join(known)}"
        )


_STORES: dict[str, Callable[[str, dict[str, str]], tuple[str, fs.FileSystem]]] = {
    "s3": _s3,
    "gs": _gcs,
    "abfs": _azure,
    "abfss": _azure,
}
STORES = tuple(_STORES)
