"""Certificates, read only."""

from __future__ import annotations

import base64
import datetime
import hashlib
import re
from typing import Any

from mitmproxy import _x509
from mitmproxy.coretypes import serializable

_PEM = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([A-Za-z0-9+/=\s]+?)-----END (?:X509 |TRUSTED )?CERTIFICATE-----")


class Cert(serializable.Serializable):
    """A certificate; its state is its PEM text."""

    def __init__(self, cert: _x509.Certificate) -> None:
        self._cert = cert

    @classmethod
    def from_pem(cls, data: bytes) -> Cert:
        """ValueError if there is no certificate in the text."""
        found = _PEM.search(data)
        if not found:
            raise ValueError("Unable to load PEM file: there is no certificate in it.")
        return cls(_x509.Certificate(base64.b64decode(found[1])))

    def to_pem(self) -> bytes:
        text = base64.b64encode(self._cert.der)
        lines = [text[start : start + 64] for start in range(0, len(text), 64)]
        return b"\n".join([b"-----BEGIN CERTIFICATE-----", *lines, b"-----END CERTIFICATE-----", b""])

    @classmethod
    def from_state(cls, state: bytes) -> Cert:
        return cls.from_pem(state)

    def get_state(self) -> bytes:
        return self.to_pem()

    def set_state(self, state: bytes) -> None:
        self._cert = Cert.from_pem(state)._cert

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cert) and self.fingerprint() == other.fingerprint()

    def __hash__(self) -> int:
        return hash(self._cert.der)

    def __repr__(self) -> str:
        return f"<Cert(cn={self.cn!r}, altnames={[str(name) for name in self.altnames]!r})>"

    def fingerprint(self) -> bytes:
        """SHA-256 of the certificate."""
        return hashlib.sha256(self._cert.der).digest()

    @property
    def issuer(self) -> list[tuple[str, str]]:
        return self._cert.issuer

    @property
    def subject(self) -> list[tuple[str, str]]:
        """Pairs such as ("CN", "example.com")."""
        return self._cert.subject

    @property
    def notbefore(self) -> datetime.datetime:
        return self._cert.not_before

    @property
    def notafter(self) -> datetime.datetime:
        return self._cert.not_after

    def has_expired(self) -> bool:
        return datetime.datetime.now(datetime.timezone.utc) > self.notafter

    @property
    def serial(self) -> int:
        return self._cert.serial

    @property
    def is_ca(self) -> bool:
        return self._cert.is_ca

    @property
    def keyinfo(self) -> tuple[str, int]:
        """Kind and size in bits, such as ("RSA", 2048)."""
        return self._cert.key

    @property
    def cn(self) -> str | None:
        return self._first("CN")

    @property
    def organization(self) -> str | None:
        return self._first("O")

    def _first(self, name: str) -> str | None:
        return next((value for key, value in self.subject if key == name), None)

    @property
    def altnames(self) -> _x509.GeneralNames:
        """Names and IP addresses it is for: objects with a `value`."""
        return self._cert.alternative_names

    def _without_cryptography(self, name: str) -> Any:
        raise NotImplementedError(f"Cert.{name} is not available in Weir's stand-in for mitmproxy: it needs pyOpenSSL and cryptography")

    def to_pyopenssl(self) -> Any:
        self._without_cryptography("to_pyopenssl")

    def to_cryptography(self) -> Any:
        self._without_cryptography("to_cryptography")

    def public_key(self) -> Any:
        self._without_cryptography("public_key")
