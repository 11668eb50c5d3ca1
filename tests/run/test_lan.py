from __future__ import annotations

import asyncio
import socket
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from server.run.lan import LEAF_LIFE, LanCertificate, certificate_for
from server.run.phone_door import PhoneDoor

NOW = datetime.now(UTC)


@pytest.fixture
def certificate(tmp_path: Path) -> LanCertificate:
    return certificate_for(tmp_path / "lan", ["192.168.1.5"], NOW)


async def test_client_that_trusts_the_authority_trusts_the_server(certificate: LanCertificate) -> None:
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_context.load_cert_chain(certificate.chain, certificate.key)
    server = await asyncio.start_server(
        lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=server_context
    )
    port = server.sockets[0].getsockname()[1]
    trusting = ssl.create_default_context(cafile=certificate.authority)
    for name in ("127.0.0.1", "localhost", "192.168.1.5"):
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname=name)
        writer.close()
    with pytest.raises(ssl.SSLCertVerificationError):
        await asyncio.open_connection("127.0.0.1", port, ssl=trusting, server_hostname="shop.example")
    server.close()


def test_keys_are_closed_to_others(certificate: LanCertificate) -> None:
    for key in (certificate.key, certificate.authority.with_name("ca.key")):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_same_addresses_keep_the_certificate(certificate: LanCertificate) -> None:
    before = certificate.chain.read_bytes()
    assert _again(certificate, ["192.168.1.5"], NOW).chain.read_bytes() == before


@pytest.mark.parametrize(
    ("addresses", "later"),
    [(["192.168.1.6"], timedelta(0)), (["192.168.1.5"], LEAF_LIFE - timedelta(days=10))],
)
def test_new_address_or_near_end_renews_the_certificate_not_the_authority(
    certificate: LanCertificate, addresses: list[str], later: timedelta
) -> None:
    before, authority = certificate.chain.read_bytes(), certificate.authority.read_bytes()
    renewed = _again(certificate, addresses, NOW + later)
    assert renewed.chain.read_bytes() != before
    assert renewed.authority.read_bytes() == authority


async def test_phone_gets_the_authority_before_it_trusts_it(certificate: LanCertificate) -> None:
    door = PhoneDoor(certificate.authority, "https://192.168.1.5:8000/live/a?b&c")
    listener = socket.create_server(("127.0.0.1", 0))
    server = await door.open(listener)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as phone:
        page, file, other = [await phone.get(path) for path in ("/", "/lan-ca.crt", "/secret")]
    assert 'href="https://192.168.1.5:8000/live/a?b&amp;c"' in page.text
    assert file.headers["content-type"] == "application/x-x509-ca-cert"
    assert ssl.DER_cert_to_PEM_cert(file.content) == certificate.authority.read_text()
    assert other.status_code == 404
    server.close()


def _again(certificate: LanCertificate, addresses: list[str], now: datetime) -> LanCertificate:
    return certificate_for(certificate.authority.parent, addresses, now)
