"""AES-128 in CBC mode with PKCS#7 padding, as the cloud encrypts passcodes.

Needs the extra `passcodes` (cryptography), imported when a passcode is read or listed.
Encryption is what the simulated cloud needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from switchbot_automation.languages import worded

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.modes import CBC

BLOCK_BYTES: Final = 16
_BLOCK_BITS: Final = 8 * BLOCK_BYTES


class CipherUnavailableError(ImportError):
    """cryptography is not installed; the message names the extra."""


def encrypt_cbc(plain: bytes, key: bytes, start: bytes) -> bytes:
    """Return `plain`, padded, encrypted.

    `key` and `start` are 16 bytes each. Raises ValueError for other lengths,
    CipherUnavailableError without cryptography.
    """
    encryptor = _cipher(key, start).encryptor()
    from cryptography.hazmat.primitives.padding import PKCS7  # noqa: PLC0415 - an extra

    padder = PKCS7(_BLOCK_BITS).padder()
    padded = padder.update(plain) + padder.finalize()
    return encryptor.update(padded) + encryptor.finalize()


def decrypt_cbc(cipher: bytes, key: bytes, start: bytes) -> bytes:
    """Return the plain bytes without their padding.

    `key` and `start` are 16 bytes each. Raises ValueError for other lengths and where
    the padding is wrong, as with a wrong key; CipherUnavailableError without
    cryptography.
    """
    decryptor = _cipher(key, start).decryptor()
    if not cipher or len(cipher) % BLOCK_BYTES:
        message = worded("the cipher text is not made of whole blocks")
        raise ValueError(message)
    from cryptography.hazmat.primitives.padding import PKCS7  # noqa: PLC0415 - an extra

    unpadder = PKCS7(_BLOCK_BITS).unpadder()
    plain = unpadder.update(decryptor.update(cipher) + decryptor.finalize())
    try:
        return plain + unpadder.finalize()
    except ValueError:
        message = worded("the padding is wrong: another key?")
        raise ValueError(message) from None


def _cipher(key: bytes, start: bytes) -> Cipher[CBC]:
    if len(key) != BLOCK_BYTES or len(start) != BLOCK_BYTES:
        message = worded("key and start value must be 16 bytes")
        raise ValueError(message)
    try:
        from cryptography.hazmat.primitives import ciphers  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise CipherUnavailableError(
            worded(
                "passcodes need the extra `passcodes`: pip install "
                "'switchbot-automation[passcodes]'"
            )
        ) from error
    return ciphers.Cipher(ciphers.algorithms.AES(key), ciphers.modes.CBC(start))
