"""HTTPS for the local network: phones give a page the camera only over HTTPS.

A certificate authority of this installation's own, limited to private addresses and local names, so that trusting
it opens nothing else to whoever steals its key. It signs a certificate for the addresses that this machine has now.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, ip_address
from pathlib import Path

import ifaddr
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PRIVATE = tuple(
    IPv4Network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "127.0.0.0/8",
    )
)
CA_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=397)  # browsers refuse longer ones
RENEW_BEFORE = timedelta(days=60)


@dataclass(frozen=True)
class LanCertificate:
    """Files. `chain` is for the server; `authority` is what phones are to trust."""

    chain: Path
    key: Path
    authority: Path


def lan_addresses() -> list[str]:
    """This machine's private IPv4 addresses, the one towards the default route first."""
    found = {str(ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4}
    usable = sorted(address for address in found if _is_in_a_network(address))
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # RFC 5737; a UDP connect sends nothing
        preferred = probe.getsockname()[0]
        usable.sort(key=lambda address: address != preferred)
    return usable


def local_names() -> list[str]:
    name = socket.gethostname().partition(".")[0]
    return ["localhost", f"{name}.local"] if name and name.isascii() else ["localhost"]


def certificate_for(folder: Path, addresses: list[str], now: datetime | None = None) -> LanCertificate:
    """Made on first use; the server's is made again when an address is new or its end is near."""
    now = now or datetime.now(UTC)
    folder.mkdir(mode=0o700, exist_ok=True)
    files = LanCertificate(folder / "server.crt", folder / "server.key", folder / "ca.crt")
    authority, authority_key, is_new = _authority(folder, now)
    if is_new or not _still_good(files, [*addresses, "127.0.0.1"], now):
        _issue(files, authority, authority_key, [*addresses, "127.0.0.1"], now)
    return files


def is_private(address: str) -> bool:
    """Whether the authority may vouch for it."""
    try:
        ip = IPv4Address(address)
    except ValueError:
        return False
    return any(ip in network for network in PRIVATE)


def _is_in_a_network(address: str) -> bool:
    ip = IPv4Address(address)
    return is_private(address) and not ip.is_loopback and not ip.is_link_local


def _authority(folder: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey, bool]:
    certificate_file, key_file = folder / "ca.crt", folder / "ca.key"
    if certificate_file.exists() and key_file.exists():
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        if isinstance(key, ec.EllipticCurvePrivateKey) and now + LEAF_LIFE < certificate.not_valid_after_utc:
            return certificate, key, False
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Showfloor on {socket.gethostname()[:40]}")])
    allowed: list[x509.GeneralName] = [x509.IPAddress(network) for network in PRIVATE]
    allowed += [x509.DNSName("localhost"), x509.DNSName("local")]
    certificate = (
        _builder(name, name, key.public_key(), now, CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.NameConstraints(permitted_subtrees=allowed, excluded_subtrees=None), critical=True
        )
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_key(key_file, key)
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate, key, True


def _issue(
    files: LanCertificate,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    addresses: list[str],
    now: datetime,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [x509.IPAddress(ip_address(address)) for address in addresses]
    names += [x509.DNSName(name) for name in local_names()]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, addresses[0])])
    signed = (
        _builder(subject, authority.subject, key.public_key(), now, LEAF_LIFE)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    _write_key(files.key, key)
    files.chain.write_bytes(signed.public_bytes(serialization.Encoding.PEM))


def _still_good(files: LanCertificate, addresses: list[str], now: datetime) -> bool:
    if not files.chain.exists() or not files.key.exists():
        return False
    certificate = x509.load_pem_x509_certificate(files.chain.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    covered = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    return covered >= set(addresses) and now + RENEW_BEFORE < certificate.not_valid_after_utc


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # phones' clocks
        .not_valid_after(now + life)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)
