"""AES-128 in CBC mode with PKCS#7 padding, encryption only (FIPS 197, SP 800-38A).

The cloud lists passcodes encrypted so, and a simulation should not need a library for
them. Not for protecting anything: it is slow and its timing depends on the data.
"""

from __future__ import annotations

from functools import lru_cache

_BLOCK = 16
_ROUNDS = 10
_SHIFTED = (0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11)


def encrypt_cbc(plain: bytes, key: bytes, start: bytes) -> bytes:
    """Return the padded `plain` encrypted; `key` and `start` are 16 bytes each."""
    if len(key) != _BLOCK or len(start) != _BLOCK:
        raise ValueError("key and start value must be 16 bytes")
    padding = _BLOCK - len(plain) % _BLOCK
    padded = plain + bytes([padding]) * padding
    keys = _round_keys(key)
    cipher, previous = b"", start
    for offset in range(0, len(padded), _BLOCK):
        block = bytes(
            a ^ b
            for a, b in zip(padded[offset : offset + _BLOCK], previous, strict=True)
        )
        previous = encrypt_block(block, keys)
        cipher += previous
    return cipher


def encrypt_block(block: bytes, keys: list[bytes]) -> bytes:
    """Return one block encrypted under the round keys of `_round_keys`."""
    box = _substitution()
    state = [a ^ b for a, b in zip(block, keys[0], strict=True)]
    for number in range(1, _ROUNDS + 1):
        state = [box[state[index]] for index in _SHIFTED]
        if number < _ROUNDS:
            state = _mix_columns(state)
        state = [a ^ b for a, b in zip(state, keys[number], strict=True)]
    return bytes(state)


def _mix_columns(state: list[int]) -> list[int]:
    mixed: list[int] = []
    for column in range(0, _BLOCK, 4):
        a, b, c, d = state[column : column + 4]
        every = a ^ b ^ c ^ d
        mixed += [
            a ^ every ^ _double(a ^ b),
            b ^ every ^ _double(b ^ c),
            c ^ every ^ _double(c ^ d),
            d ^ every ^ _double(d ^ a),
        ]
    return mixed


def _double(value: int) -> int:
    return ((value << 1) ^ 0x11B if value & 0x80 else value << 1) & 0xFF


@lru_cache(maxsize=1)
def _substitution() -> bytes:
    """Build the S-box: the inverse in GF(2^8), then an affine map."""
    box = bytearray(256)
    power, inverse = 1, 1
    while True:
        # `power` runs through the field by 3, `inverse` by 1/3 (0xF6).
        power ^= _double(power)
        inverse ^= inverse << 1
        inverse ^= inverse << 2
        inverse ^= inverse << 4
        inverse &= 0xFF
        if inverse & 0x80:
            inverse ^= 0x09
        turned = inverse
        for shift in (1, 2, 3, 4):
            turned ^= (inverse << shift | inverse >> (8 - shift)) & 0xFF
        box[power] = turned ^ 0x63
        if power == 1:
            break
    box[0] = 0x63
    return bytes(box)


def _round_keys(key: bytes) -> list[bytes]:
    box = _substitution()
    words = [key[index : index + 4] for index in range(0, _BLOCK, 4)]
    constant = 1
    for index in range(4, 4 * (_ROUNDS + 1)):
        word = words[-1]
        if index % 4 == 0:
            word = bytes(box[byte] for byte in word[1:] + word[:1])
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = _double(constant)
        words.append(bytes(a ^ b for a, b in zip(words[-4], word, strict=True)))
    return [b"".join(words[index : index + 4]) for index in range(0, len(words), 4)]
