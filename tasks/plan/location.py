"""Where results may lie: what a location must not hold, and how one in S3 is opened."""

import os
import re
from functools import cache
from typing import Annotated
from urllib.parse import parse_qsl, unquote, urlsplit

from pyarrow import fs
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

S3_OPTIONS = ("endpoint_override", "scheme", "region", "tls_ca_file_path")
# `s3://KEY:SECRET@bucket` and whatever is mistyped like it, also where a secret has a slash, and as
# %3A and %40; and `?access_key=KEY`: after ? come known options alone.
OPTION = f"(?:{'|'.join(S3_OPTIONS)})=[^?&;#]*"
KNOWN_OPTIONS = rf"[^?]*(?:\?{OPTION}(?:&{OPTION})*)?$"
NO_AT, NO_COLON = "(?:[^@%]|%(?!40))*$", "(?:[^:%]|%(?!3[Aa]))*$"
WITHOUT_CREDENTIALS = f"^(?={KNOWN_OPTIONS})(?:{NO_AT}|{NO_COLON})"
NO_CREDENTIALS = (
    "a results location is kept with each run and must not hold credentials, so no : and @ in one, "
    f"and after ? only the options {', '.join(S3_OPTIONS)}. Credentials belong into the "
    "environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
)


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


def open_s3(uri: str) -> tuple[fs.FileSystem, str]:
    """The object store of an s3: URI that is a Location, and bucket and prefix in it; OSError.

    Not by `FileSystem.from_uri`: that asks a store which does not answer for minutes. One client a
    store: each new one asks for the bucket's region, and makes connections of its own.
    """
    parts = urlsplit(uri)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint and "endpoint_override" not in options:
        options["endpoint_override"] = endpoint
    if not options.keys() & {"region", "endpoint_override"}:
        options["region"] = _region(parts.netloc)
    store = _store(tuple(sorted(options.items())))
    return store, f"{parts.netloc}{unquote(parts.path)}".rstrip("/")


@cache
def _region(bucket: str) -> str:
    return str(fs.resolve_s3_region(bucket))


@cache
def _store(options: tuple[tuple[str, str], ...]) -> fs.FileSystem:
    return fs.S3FileSystem(**dict(options))
