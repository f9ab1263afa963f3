"""Gzip streams out of pieces that are compressed once, in however many streams they are.

A piece ends with a full flush: nothing after it refers to what was before, so it fits
behind any other. The check sum at a stream's end is put together from those of its pieces.
"""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache
from typing import Final, NamedTuple

# RFC 1952: the ids, deflate, no flags, no time, nothing said of the packer, any system.
_HEAD: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LAST_BLOCK: Final = b"\x03\x00"
# What is told is as like itself as JSON of many rooms: more effort gains next to nothing.
_LEVEL: Final = 1
_POLYNOMIAL: Final = 0xEDB88320
_ALL: Final = 0xFFFFFFFF
# Polynomials over bits as CRC-32 has them: the highest bit stands for 1, the next for x.
_ONE: Final = 1 << 31
_X_TO_8: Final = 1 << 23


class _Piece(NamedTuple):
    packed: bytes
    size: int
    check: int
    shift: int
    """By what the check sum of all before is multiplied when this piece follows."""


class SharedGzip:
    """One stream: `add` every piece, then `end`; what they return goes out.

    >>> import gzip
    >>> stream = SharedGzip()
    >>> gzip.decompress(stream.add(b"one, ") + stream.add(b"two") + stream.end())
    b'one, two'
    """

    __slots__ = ("_begun", "_check", "_size")

    def __init__(self) -> None:
        self._begun = False
        self._size = self._check = 0

    def add(self, data: bytes) -> bytes:
        """Return a piece as it is sent; whole, so that what came so far can be read."""
        piece = _packed(data)
        self._size += piece.size
        self._check = _product(self._check, piece.shift) ^ piece.check
        head, self._begun = b"" if self._begun else _HEAD, True
        return head + piece.packed

    def end(self) -> bytes:
        """Return what ends the stream."""
        return _LAST_BLOCK + struct.pack("<II", self._check, self._size & _ALL)


@lru_cache(maxsize=16)  # the frames of a moment, in a few languages
def _packed(data: bytes) -> _Piece:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)
    return _Piece(packed, len(data), zlib.crc32(data), _shift(len(data)))


def _shift(size: int) -> int:
    """Return x to the power of so many bytes' bits."""
    found, square = _ONE, _X_TO_8
    while size:
        if size & 1:
            found = _product(found, square)
        square = _product(square, square)
        size >>= 1
    return found


def _product(one: int, other: int) -> int:
    """Return the product of two polynomials, modulo that of CRC-32."""
    found = 0
    while one:
        if one & _ONE:
            found ^= other
        one = one << 1 & _ALL
        other = other >> 1 ^ (_POLYNOMIAL if other & 1 else 0)
    return found
