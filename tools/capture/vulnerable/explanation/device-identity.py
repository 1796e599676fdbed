"""Gives each new measuring device the key pair with which it signs its readings."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


@dataclass(frozen=True)
class Identity:
    """Keys of one device, which is in the field for about fifteen years; the private one never leaves it."""

    serial: str
    private_pem: bytes
    public_pem: bytes


def new_identity(serial: str) -> Identity:
    """A fresh pair. Small keys were chosen because the device's processor is slow."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Identity(serial, private, public)


def verify(identity: Identity, reading: bytes, signature: bytes) -> None:
    """Check a reading, from which the invoice is made.

    Raises:
        cryptography.exceptions.InvalidSignature: the device did not sign it.
    """
    key = serialization.load_pem_public_key(identity.public_pem)
    key.verify(signature, reading, padding.PKCS1v15(), hashes.SHA256())
