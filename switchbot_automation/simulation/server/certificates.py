"""Certificates for a simulated cloud's own broker: an authority, a server, clients."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cryptography import x509

# So that a certificate holds at once where two clocks differ a little.
_BEFORE = timedelta(minutes=5)
_AUTHORITY_LIFE = timedelta(days=365)


class KeyPair(NamedTuple):
    """A certificate and its key, both as PEM text."""

    certificate: str
    key: str

    def __repr__(self) -> str:
        return "KeyPair(...)"


class Authority:
    """Signs certificates nobody else trusts. Needs `cryptography` (extra `passcodes`).

    >>> from switchbot_automation.simulation.server.certificates import Authority
    >>> Authority("test").issue("client-1").certificate.splitlines()[0]
    '-----BEGIN CERTIFICATE-----'
    """

    def __init__(self, name: str) -> None:
        # An extra: who simulates without a broker pays nothing for it.
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - see above

        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _common_name(name)
        now = datetime.now(UTC)
        self._certificate = self._signed(
            self._name, self._key.public_key(), now + _AUTHORITY_LIFE, authority=True
        )

    def __repr__(self) -> str:
        return "<Authority>"

    @property
    def certificate(self) -> str:
        """Its own certificate as PEM text, for those who shall trust it."""
        return _pem(self._certificate)

    def issue(
        self, name: str, *, life: timedelta = timedelta(days=30), server: bool = False
    ) -> KeyPair:
        """Return a new key and a certificate for a common name, good for `life`.

        One of a `server` is for 127.0.0.1. A negative `life` gives one that is over.
        """
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - see above
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - see above

        key = ec.generate_private_key(ec.SECP256R1())
        made = self._signed(
            _common_name(name),
            key.public_key(),
            datetime.now(UTC) + life,
            server=server,
        )
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return KeyPair(_pem(made), private.decode())

    def _signed(
        self,
        name: x509.Name,
        public_key: object,
        until: datetime,
        *,
        authority: bool = False,
        server: bool = False,
    ) -> x509.Certificate:
        from cryptography import x509  # noqa: PLC0415 - see above
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - see above

        since = min(datetime.now(UTC), until) - _BEFORE
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(public_key)  # type: ignore[arg-type] # one of ours
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(until)
            .add_extension(
                x509.BasicConstraints(ca=authority, path_length=None), critical=True
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(
                    self._key.public_key()
                ),
                critical=False,
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(public_key),  # type: ignore[arg-type] # likewise
                critical=False,
            )
        )
        if authority:
            usage = x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            )
            builder = builder.add_extension(usage, critical=True)
        if server:
            here = x509.IPAddress(ip_address("127.0.0.1"))
            builder = builder.add_extension(
                x509.SubjectAlternativeName([here]), critical=False
            )
        return builder.sign(self._key, hashes.SHA256())


def _common_name(name: str) -> x509.Name:
    from cryptography import x509  # noqa: PLC0415 - see above
    from cryptography.x509.oid import NameOID  # noqa: PLC0415 - see above

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - see above

    return certificate.public_bytes(serialization.Encoding.PEM).decode()
