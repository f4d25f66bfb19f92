"""The certificate of the port for browsers: the owner's, or ours, which is made in the data folder and kept good.

Ours is signed by itself, since no authority vouches for addresses of a home: a browser warns of it, once.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import ifaddr
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from main_server.settings import Settings
from serving.errors import SettingsError

FOLDER = "tls"
VALID_DAYS = 825
"""Apple's devices believe none that is good for longer."""
RENEW_DAYS = 30
MOST_NAMES = 60
_EVER = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Certificate:
    """`certificate` (with the chain behind it) and `key` are PEM files. `own`: nobody but us has signed it."""

    certificate: Path
    key: Path
    own: bool

    def context(self) -> ssl.SSLContext:
        """For a server. Raises OSError, ssl.SSLError among them."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key)
        return context


def certificate_for(settings: Settings) -> Certificate:
    """The owner's, or ours, made now where there is none. Raises SettingsError for files that cannot be used, and
    OSError when ours cannot be written."""
    given, key = settings.tls_cert, settings.tls_key
    if given is None and key is None:
        return own_certificate(settings.data_dir / FOLDER, names_of_this_machine(settings.public_url or ""))
    if given is None or key is None:
        raise SettingsError("ZHIYIN_TLS_CERT and ZHIYIN_TLS_KEY belong together: set both, or neither.")
    theirs = Certificate(given, key, own=False)
    try:
        theirs.context()
    except OSError as error:  # its own words may quote nothing of the files
        raise SettingsError(
            f"ZHIYIN_TLS_CERT and ZHIYIN_TLS_KEY cannot be used: {error.strerror or error}. They name two PEM files, "
            "a certificate with its chain and its key without a password."
        ) from None
    return theirs


def own_certificate(folder: Path, names: Collection[str], now: datetime | None = None) -> Certificate:
    """Ours, in `folder`: as it is while it covers `names` and is not about to expire, else a new one under the same
    key, which covers the older names too, so that a machine between two networks keeps its certificate.

    Raises OSError.
    """
    now = now or datetime.now(UTC)
    files = Certificate(folder / "certificate.pem", folder / "key.pem", own=True)
    key = _read_key(files.key)
    known = _names_in(files.certificate) if key is not None and _is_good(files, key, now) else ()
    if key is not None and set(names) <= set(known):
        return files
    folder.mkdir(parents=True, exist_ok=True)
    if key is None:
        key = ec.generate_private_key(ec.SECP256R1())
        _write(files.key, _key_text(key), 0o600)
    covered = list(dict.fromkeys([*names, *known]))[:MOST_NAMES]
    _write(files.certificate, _signed(key, covered, now), 0o644)
    return files


def names_of_this_machine(public_url: str = "") -> list[str]:
    """Under which a browser may call us: names first, then addresses as text."""
    host = socket.gethostname().split("%")[0]
    named = [host, f"{host.split('.')[0]}.local", urlsplit(public_url).hostname or ""]
    return list(dict.fromkeys(name for name in (*_EVER, *named, *_addresses()) if _is_name(name)))


def _addresses() -> list[str]:
    """Of the interfaces; those that are good on one link only need a zone, which no certificate can hold."""
    found = []
    for adapter in ifaddr.get_adapters():
        for each in adapter.ips:
            address = ipaddress.ip_address(each.ip if isinstance(each.ip, str) else each.ip[0])
            if not address.is_link_local:
                found.append(str(address))
    return found


def _is_name(text: str) -> bool:
    labels = text.split(".")
    plain = all(label and len(label) < 64 and label.replace("-", "a").replace("_", "a").isalnum() for label in labels)
    return bool(_address(text)) or (text.isascii() and len(text) < 250 and plain)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _signed(key: ec.EllipticCurvePrivateKey, names: list[str], now: datetime) -> bytes:
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Zhiyin")])
    addresses = {name: _address(name) for name in names}
    alternatives = [x509.IPAddress(at) if at else x509.DNSName(name) for name, at in addresses.items()]
    builder = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # a phone's clock may be behind
        .not_valid_after(now + timedelta(days=VALID_DAYS - 1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _is_good(files: Certificate, key: ec.EllipticCurvePrivateKey, now: datetime) -> bool:
    kept = _read_certificate(files.certificate)
    return (
        kept is not None
        and kept.public_key() == key.public_key()
        and kept.not_valid_before_utc <= now < kept.not_valid_after_utc - timedelta(days=RENEW_DAYS)
    )


def _names_in(path: Path) -> tuple[str, ...]:
    kept = _read_certificate(path)
    if kept is None:
        return ()
    held = kept.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (*held.get_values_for_type(x509.DNSName), *map(str, held.get_values_for_type(x509.IPAddress)))


def _read_certificate(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey | None:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


def _key_text(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Whole or not at all."""
    fresh = path.with_name(f".{path.name}-{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
