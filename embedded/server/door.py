"""Who may ask, and how: by TLS, with the cluster's token, to this machine by its own name, in JSON.

Containers are processes of the user who runs the cluster, so whoever may create a pod may do all
that this user may: another account of the machine, or a web page that the user's browser shows.
"""

import hmac
import os
import re
import secrets
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from embedded.store.errors import ApiError, answer_error

# A page whose name is made to resolve to this machine says another one.
LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?")
# What the API takes; protobuf is refused where the body is read, in words that kubectl expects.
MEDIA_TYPE = re.compile(
    r"application/([\w.-]+\+)?(json|yaml)|application/vnd\.kubernetes\.protobuf"
)
LIFETIME = timedelta(days=365)


class Key(NamedTuple):
    """A token, and the files of a certificate and its key that only their owner may read."""

    token: str
    certificate: Path
    key: Path


def make_key(folder: Path) -> Key:
    """Make a token, and a certificate for this machine's loopback addresses."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stormark-embedded")])
    now = datetime.now(UTC)
    names = [
        x509.DNSName("localhost"),
        *(x509.IPAddress(ip_address(a)) for a in ("127.0.0.1", "::1")),
    ]
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    own = private.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    files = Key(secrets.token_urlsafe(32), folder / "tls.crt", folder / "tls.key")
    write_private(files.certificate, builder.sign(private, hashes.SHA256()).public_bytes(pem))
    write_private(files.key, own)
    return files


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


class Door:
    """Refuses, in the words of Kubernetes, whoever has no token; it stands before everything."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app = app
        self.expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] in {"http", "websocket"} and (error := self.objection(scope)):
            await (await answer_error(Request({**scope, "type": "http"}), error))(
                scope, receive, send
            )
            return
        await self.app(scope, receive, send)

    def objection(self, scope: Scope) -> ApiError | None:
        """Why a request is refused; None if it is not."""
        headers = HTTPConnection(scope).headers
        if not LOOPBACK.fullmatch(headers.get("host", "")):
            message = "the embedded cluster is asked by 127.0.0.1 or localhost, no other Host"
            return ApiError(403, "Forbidden", message)
        given = headers.get("authorization", "").encode()
        if not hmac.compare_digest(given, self.expected):
            return ApiError(401, "Unauthorized", "Unauthorized")
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        # without any it is JSON, as for the API server; a client library sends none
        if media_type and not MEDIA_TYPE.fullmatch(media_type):
            message = (
                "the body of the request was in an unknown format - accepted media types include: "
                "application/json, application/yaml"
            )
            return ApiError(415, "UnsupportedMediaType", message)
        return None
