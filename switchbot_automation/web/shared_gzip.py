"""Gzip streams out of pieces that are compressed once, in however many streams they are.

A piece ends with a full flush: nothing after it refers to what was before, so it fits
behind any other. The check sum at a stream's end is put together from those of its pieces.
"""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache
from typing import Final

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


# A table costs what so many products cost.
_WORTH_A_TABLE: Final = 24


class _Piece:
    """What follows what was sent before, and what it makes of the check sum of that."""

    __slots__ = ("_check", "_shift", "_table", "_times", "packed", "size")

    def __init__(self, data: bytes) -> None:
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        self.packed = packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)
        self.size = len(data)
        self._check = zlib.crc32(data)
        self._shift = _shift(len(data))
        self._times = 0
        self._table: list[list[int]] = []

    def after(self, check: int) -> int:
        """Return the check sum of a stream that had `check`, with this piece."""
        self._times += 1
        if self._times == _WORTH_A_TABLE:
            self._table = _table(self._shift)
        if not self._table:
            return _product(check, self._shift) ^ self._check
        low, second, third, high = self._table
        return (
            low[check & 0xFF]
            ^ second[check >> 8 & 0xFF]
            ^ third[check >> 16 & 0xFF]
            ^ high[check >> 24]
            ^ self._check
        )


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
        self._check = piece.after(self._check)
        head, self._begun = b"" if self._begun else _HEAD, True
        return head + piece.packed

    def end(self) -> bytes:
        """Return what ends the stream."""
        return _LAST_BLOCK + struct.pack("<II", self._check, self._size & _ALL)


@lru_cache(maxsize=16)  # the frames of a moment, in a few languages
def _packed(data: bytes) -> _Piece:
    return _Piece(data)


def _table(shift: int) -> list[list[int]]:
    """Return the products with `shift` of each byte at each of its four places."""
    table = []
    for place in range(0, 32, 8):
        row = [0]
        for bit in range(place, place + 8):
            product = _product(1 << bit, shift)
            row += [each ^ product for each in row]
        table.append(row)
    return table


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
