"""The certificate of the port for browsers: made once, kept while it is good, renewed under the same key."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from main_server.certificate import (
    RENEW_DAYS,
    VALID_DAYS,
    certificate_for,
    names_of_this_machine,
    own_certificate,
)
from main_server.settings import Settings
from serving.errors import SettingsError

HOME = ["localhost", "127.0.0.1", "::1", "kitchen", "kitchen.local", "192.168.1.10", "fd00::10"]
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def names(path: Path) -> set[str]:
    held = read(path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {*held.get_values_for_type(x509.DNSName), *map(str, held.get_values_for_type(x509.IPAddress))}


def test_it_covers_names_and_addresses_for_825_days_and_nobody_else_reads_its_key(tmp_path: Path) -> None:
    files = own_certificate(tmp_path / "tls", HOME, NOW)
    made = read(files.certificate)
    assert names(files.certificate) == set(HOME)
    assert made.not_valid_after_utc - made.not_valid_before_utc == timedelta(days=VALID_DAYS)
    assert isinstance(made.public_key(), ec.EllipticCurvePublicKey)
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    assert files.own and isinstance(files.context(), ssl.SSLContext)


def test_it_stays_while_it_is_good(tmp_path: Path) -> None:
    before = own_certificate(tmp_path, HOME, NOW).certificate.read_bytes()
    later = NOW + timedelta(days=VALID_DAYS - RENEW_DAYS - 2)
    assert own_certificate(tmp_path, HOME[:3], later).certificate.read_bytes() == before


@pytest.mark.parametrize(
    ("wanted", "days"), [(HOME, VALID_DAYS - RENEW_DAYS), ([*HOME, "10.0.0.7"], 1), (HOME, -3), (HOME, 4_000)]
)
def test_it_is_renewed_under_the_same_key_when_it_expires_or_an_address_is_new(
    tmp_path: Path, wanted: list[str], days: int
) -> None:
    files = own_certificate(tmp_path, HOME, NOW)
    key, before = files.key.read_bytes(), read(files.certificate).serial_number
    own_certificate(tmp_path, wanted, NOW + timedelta(days=days))
    assert read(files.certificate).serial_number != before
    assert names(files.certificate) == set(wanted)
    assert files.key.read_bytes() == key


def test_between_two_networks_it_comes_to_cover_both_and_stays(tmp_path: Path) -> None:
    own_certificate(tmp_path, [*HOME, "10.0.0.7"], NOW)
    both = own_certificate(tmp_path, [*HOME, "10.9.9.9"], NOW).certificate.read_bytes()
    assert own_certificate(tmp_path, [*HOME, "10.0.0.7"], NOW).certificate.read_bytes() == both


@pytest.mark.parametrize("broken", ["key.pem", "certificate.pem"])
def test_a_broken_file_is_made_anew(tmp_path: Path, broken: str) -> None:
    own_certificate(tmp_path, HOME, NOW)
    (tmp_path / broken).write_text("garbage")
    assert own_certificate(tmp_path, HOME, NOW).context()


def test_this_machine_is_covered_and_names_no_certificate_can_hold_are_left_out() -> None:
    found = names_of_this_machine("http://voice.example.org:8000")
    assert {"localhost", "127.0.0.1", "::1", "voice.example.org"} <= set(found)
    assert not [name for name in found if name.startswith("fe80") or not name]


def test_the_owners_files_are_used_as_they_are(tmp_path: Path) -> None:
    made = own_certificate(tmp_path / "theirs", ["voice.example.org"])
    settings = Settings(data_dir=tmp_path / "data", tls_cert=made.certificate, tls_key=made.key)
    found = certificate_for(settings)
    assert (found.certificate, found.own) == (made.certificate, False)
    assert not (tmp_path / "data").exists()


def test_files_that_cannot_be_used_are_a_sentence(tmp_path: Path) -> None:
    made = own_certificate(tmp_path, ["voice.example.org"])
    other = own_certificate(tmp_path / "other", ["voice.example.org"])
    with pytest.raises(SettingsError, match="belong together"):
        certificate_for(Settings(tls_cert=made.certificate))
    for certificate, key in (
        (made.certificate, other.key),
        (made.certificate, tmp_path / "none"),
        (made.key, made.key),
    ):
        with pytest.raises(SettingsError, match="ZHIYIN_TLS_CERT and ZHIYIN_TLS_KEY cannot be used"):
            certificate_for(Settings(tls_cert=certificate, tls_key=key))
