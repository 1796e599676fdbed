"""Encrypts the insurance numbers of patients before they are stored."""

from __future__ import annotations

import base64
import os

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK_BITS = 128


def _cipher() -> Cipher:
    key = base64.b64decode(os.environ["PATIENT_NUMBERS_KEY"])
    return Cipher(algorithms.AES(key), modes.ECB())


def seal(number: str) -> str:
    """What the column `insurance_number` holds. The ward's name stands in front, as in `NORTH-03/A123456789`."""
    padder = padding.PKCS7(BLOCK_BITS).padder()
    padded = padder.update(number.encode()) + padder.finalize()
    encryptor = _cipher().encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def unseal(sealed: str) -> str:
    """The number again."""
    decryptor = _cipher().decryptor()
    padded = decryptor.update(base64.b64decode(sealed)) + decryptor.finalize()
    unpadder = padding.PKCS7(BLOCK_BITS).unpadder()
    return (unpadder.update(padded) + unpadder.finalize()).decode()
