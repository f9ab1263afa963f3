"""AES-128 in CBC mode with PKCS#7 padding (FIPS 197, NIST SP 800-38A). Pure.

The cloud lists passcodes encrypted so; a library for a few digits would be a dependency
for everybody. Fit for data one owns, not for protecting anything: it is slow and its
timing depends on the data. Encryption is what the simulated cloud needs.
"""

from __future__ import annotations

from functools import lru_cache

BLOCK_BYTES = 16
_ROUNDS = 10
_FIELD_ORDER = 255  # of the multiplicative group of GF(2^8)

# Where each byte of the state comes from when the rows are shifted, and shifted back.
_SHIFTED = (0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11)
_SHIFTED_BACK = (0, 13, 10, 7, 4, 1, 14, 11, 8, 5, 2, 15, 12, 9, 6, 3)


def encrypt_cbc(plain: bytes, key: bytes, start: bytes) -> bytes:
    """Return `plain`, padded, encrypted.

    `key` and `start` are 16 bytes each. Raises ValueError for other lengths.
    """
    _check_lengths(key, start)
    padding = BLOCK_BYTES - len(plain) % BLOCK_BYTES
    padded = plain + bytes([padding]) * padding
    keys = round_keys(key)
    cipher, previous = b"", start
    for offset in range(0, len(padded), BLOCK_BYTES):
        block = _xor(padded[offset : offset + BLOCK_BYTES], previous)
        previous = _encrypt_block(block, keys)
        cipher += previous
    return cipher


def decrypt_cbc(cipher: bytes, key: bytes, start: bytes) -> bytes:
    """Return the plain bytes without their padding.

    `key` and `start` are 16 bytes each. Raises ValueError for other lengths and where
    the padding is wrong, as with a wrong key.
    """
    _check_lengths(key, start)
    if not cipher or len(cipher) % BLOCK_BYTES:
        message = "the cipher text is not made of whole blocks"
        raise ValueError(message)
    keys = round_keys(key)
    plain = b""
    previous = start
    for offset in range(0, len(cipher), BLOCK_BYTES):
        block = cipher[offset : offset + BLOCK_BYTES]
        plain += _xor(_decrypt_block(block, keys), previous)
        previous = block
    padding = plain[-1]
    if (
        not 1 <= padding <= BLOCK_BYTES
        or plain[-padding:] != bytes([padding]) * padding
    ):
        message = "the padding is wrong: another key?"
        raise ValueError(message)
    return plain[:-padding]


def round_keys(key: bytes) -> list[bytes]:
    """Return the eleven round keys (FIPS 197, 5.2)."""
    box, _ = boxes()
    words = [key[index : index + 4] for index in range(0, BLOCK_BYTES, 4)]
    constant = 1
    for index in range(4, 4 * (_ROUNDS + 1)):
        word = words[-1]
        if index % 4 == 0:
            turned = bytes(box[byte] for byte in word[1:] + word[:1])
            word = bytes([turned[0] ^ constant]) + turned[1:]
            constant = double(constant)
        words.append(_xor(words[-4], word))
    return [b"".join(words[index : index + 4]) for index in range(0, len(words), 4)]


@lru_cache(maxsize=1)
def boxes() -> tuple[bytes, bytes]:
    """Return the substitution box and its inverse (FIPS 197, 5.1.1)."""
    inverses = _field_inverses()
    box = bytearray(256)
    back = bytearray(256)
    for value in range(256):
        inverse = inverses[value]
        spread = inverse
        for shift in (1, 2, 3, 4):
            spread ^= (inverse << shift | inverse >> (8 - shift)) & 0xFF
        box[value] = spread ^ 0x63
        back[box[value]] = value
    return bytes(box), bytes(back)


def double(value: int) -> int:
    """Return twice the value in the field GF(2^8) of FIPS 197."""
    return ((value << 1) ^ 0x11B if value & 0x80 else value << 1) & 0xFF


def _field_inverses() -> list[int]:
    """Return 1/x for each x, 0 for 0, by the powers of the generator 3."""
    powers = [1]
    while len(powers) < _FIELD_ORDER:
        powers.append(powers[-1] ^ double(powers[-1]))
    inverses = [0] * 256
    for exponent, power in enumerate(powers):
        inverses[power] = powers[-exponent % _FIELD_ORDER]
    return inverses


def _check_lengths(key: bytes, start: bytes) -> None:
    if len(key) != BLOCK_BYTES or len(start) != BLOCK_BYTES:
        message = "key and start value must be 16 bytes"
        raise ValueError(message)


def _encrypt_block(block: bytes, keys: list[bytes]) -> bytes:
    box, _ = boxes()
    state = _xor(block, keys[0])
    for number in range(1, _ROUNDS + 1):
        state = bytes(box[state[index]] for index in _SHIFTED)
        if number < _ROUNDS:
            state = _mix_columns(state)
        state = _xor(state, keys[number])
    return state


def _decrypt_block(block: bytes, keys: list[bytes]) -> bytes:
    _, back = boxes()
    state = _xor(block, keys[_ROUNDS])
    for number in range(_ROUNDS - 1, -1, -1):
        state = bytes(back[state[index]] for index in _SHIFTED_BACK)
        state = _xor(state, keys[number])
        if number:
            state = _unmix_columns(state)
    return state


def _mix_columns(state: bytes) -> bytes:
    mixed: list[int] = []
    for column in range(0, BLOCK_BYTES, 4):
        a, b, c, d = state[column : column + 4]
        every = a ^ b ^ c ^ d
        mixed += [
            a ^ every ^ double(a ^ b),
            b ^ every ^ double(b ^ c),
            c ^ every ^ double(c ^ d),
            d ^ every ^ double(d ^ a),
        ]
    return bytes(mixed)


def _unmix_columns(state: bytes) -> bytes:
    prepared: list[int] = []
    for column in range(0, BLOCK_BYTES, 4):
        a, b, c, d = state[column : column + 4]
        # Four times the differences turns the forward mixing into the inverse one.
        even, odd = double(double(a ^ c)), double(double(b ^ d))
        prepared += [a ^ even, b ^ odd, c ^ even, d ^ odd]
    return _mix_columns(bytes(prepared))


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))
