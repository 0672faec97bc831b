"""Decoder of LZFSE (github.com/lzfse/lzfse), the compression of Record3D's depth.

Written here because its Python bindings come as source only: they would need a C compiler to install.

A stream is a row of blocks: raw ``bvx-``, ``bvxn`` (LZVN, for small inputs) and ``bvx2`` (Lempel-Ziv triplets of
literal length, match length and distance, entropy-coded by tabled asymmetric numeral systems), closed by ``bvx$``.
Entropy-coded bits are written forwards and read backwards from the end of their part. About 0.7 s a megabyte
of output.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

_SYMBOLS = (20, 20, 64, 256)
_STATES = (64, 64, 256, 1024)
"""Of literal lengths, match lengths, distances and literals."""


def _ranges(start: int, extra_bits: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """(base, extra bits) of symbols that cover the numbers from ``start`` on without gaps."""
    out = []
    for bits in extra_bits:
        out.append((start, bits))
        start += 1 << bits
    return tuple(out)


_LITERAL_LENGTHS = _ranges(0, [0] * 16 + [2, 3, 5, 8])
_MATCH_LENGTHS = _ranges(0, [0] * 16 + [3, 5, 8, 11])
_DISTANCES = _ranges(0, [bits for bits in range(16) for _ in range(4)])
_FREQUENCY_CODES = (
    (2, 0b00, 0), (2, 0b10, 1), (3, 0b001, 2), (3, 0b101, 3),
    (5, 0b00011, 4), (5, 0b01011, 5), (5, 0b10011, 6), (5, 0b11011, 7),
)  # fmt: skip
"""(number of bits, low bits, value) of frequencies below 8."""


class LzfseError(ValueError):
    """Data that is not a whole LZFSE stream."""


def decompress(data: bytes, max_bytes: int) -> bytes:
    """The raw bytes. Raises LzfseError for data that is cut short or damaged, or unpacks to over ``max_bytes``."""
    out = bytearray()
    position = 0
    try:
        while (magic := data[position : position + 4]) != b"bvx$":
            (size,) = struct.unpack_from("<I", data, position + 4)
            if len(out) + size > max_bytes:
                raise LzfseError(f"expected at most {max_bytes} bytes, got more")
            limit = len(out) + size
            if magic == b"bvx-":
                out += data[position + 8 : position + 8 + size]
                position += 8 + size
            elif magic == b"bvxn":
                (payload,) = struct.unpack_from("<I", data, position + 8)
                _lzvn(data[position + 12 : position + 12 + payload], out, limit)
                position += 12 + payload
            elif magic == b"bvx2":
                position += _bvx2(data, position, out, limit)
            else:
                raise LzfseError(f"expected an LZFSE block, got {magic!r} at {position}")
            if len(out) != limit:
                raise LzfseError(f"expected a block of {size} bytes, got {len(out) - limit + size}")
    except (struct.error, IndexError) as error:
        raise LzfseError("the data is cut short or damaged") from error
    return bytes(out)


class _Bits:
    """Bits of a part, pulled from its end towards its start."""

    def __init__(self, part: bytes, unused: int) -> None:
        """``unused``: how many high bits of the last byte are padding."""
        # Eight zero bytes in front let every window be read whole; pulling into them is an error in the data.
        self.part = bytes(8) + part
        self.position = 8 * len(self.part) - unused

    def pull(self, count: int) -> int:
        self.position -= count
        if self.position < 64 and count:
            raise IndexError("no bits left")
        byte, shift = divmod(self.position, 8)
        return (int.from_bytes(self.part[byte : byte + 8], "little") >> shift) & ((1 << count) - 1)


def _bvx2(data: bytes, start: int, out: bytearray, limit: int) -> int:
    """Decode the block at ``start``; returns its size in the stream."""
    a, b, c = struct.unpack_from("<QQQ", data, start + 8)
    literals, literal_bytes, matches = a & 0xFFFFF, (a >> 20) & 0xFFFFF, (a >> 40) & 0xFFFFF
    lmd_bytes, header_bytes = (b >> 40) & 0xFFFFF, c & 0xFFFFFFFF
    frequencies = _frequencies(data[start + 32 : start + header_bytes])
    end = start + header_bytes + literal_bytes + lmd_bytes
    if len(data) < end:
        raise IndexError("block cut short")
    body = data[start + header_bytes : end]
    # The header stores 7 minus the number of padding bits.
    bits = _Bits(body[:literal_bytes], 7 - ((a >> 60) & 7))
    states = [(b >> shift) & 0x3FF for shift in (0, 10, 20, 30)]
    text = _literals(bits, states, frequencies[3], literals)
    bits = _Bits(body[literal_bytes:], 7 - ((b >> 60) & 7))
    states = [(c >> shift) & 0x3FF for shift in (32, 42, 52)]
    _matches(bits, states, frequencies, text, matches, out, limit)
    return end - start


def _frequencies(packed: bytes) -> list[list[int]]:
    """How many states each symbol of the four alphabets has, from their variable-length code."""
    stream, position = int.from_bytes(packed, "little"), 0
    tables = []
    for symbols, states in zip(_SYMBOLS, _STATES, strict=True):
        table = []
        for _ in range(symbols):
            window = (stream >> position) & 0x3FFF
            count, value = _frequency(window)
            position += count
            table.append(value)
        if sum(table) > states:
            raise IndexError("frequencies exceed the number of states")
        tables.append(table)
    if position > 8 * len(packed):
        raise IndexError("frequencies cut short")
    return tables


def _frequency(window: int) -> tuple[int, int]:
    low = window & 15
    if low == 7:
        return 8, 8 + ((window >> 4) & 15)
    if low == 15:
        return 14, 24 + ((window >> 4) & 0x3FF)
    return next((bits, value) for bits, code, value in _FREQUENCY_CODES if window & ((1 << bits) - 1) == code)


def _decoder(frequencies: Sequence[int], states: int) -> list[tuple[int, int, int]]:
    """(symbol, bits to pull, what to add to them for the next state) of each state (Duda, arXiv:1311.2540)."""
    table: list[tuple[int, int, int]] = []
    for symbol, count in enumerate(frequencies):
        if count == 0:
            continue
        bits = states.bit_length() - count.bit_length()
        wide = ((2 * states) >> bits) - count
        for j in range(count):
            if j < wide:
                table.append((symbol, bits, ((count + j) << bits) - states))
            else:
                table.append((symbol, bits - 1, (j - wide) << (bits - 1)))
    return table


def _literals(bits: _Bits, states: list[int], frequencies: Sequence[int], count: int) -> bytes:
    """Four interleaved streams share the bits."""
    table = _decoder(frequencies, _STATES[3])
    out = bytearray(count)
    for i in range(count):
        symbol, width, base = table[states[i & 3]]
        out[i] = symbol
        states[i & 3] = base + bits.pull(width)
    return bytes(out)


def _matches(
    bits: _Bits, states: list[int], frequencies: list[list[int]], text: bytes, count: int, out: bytearray, limit: int
) -> None:
    tables = [_decoder(frequencies[k], _STATES[k]) for k in range(3)]
    ranges = (_LITERAL_LENGTHS, _MATCH_LENGTHS, _DISTANCES)
    used = distance = 0
    for _ in range(count):
        values = []
        for k in range(3):
            symbol, width, base = tables[k][states[k]]
            start, extra = ranges[k][symbol]
            # State bits and extra bits are one number, the extra bits at its low end.
            pulled = bits.pull(width + extra)
            states[k] = base + (pulled >> extra)
            values.append(start + (pulled & ((1 << extra) - 1)))
        literal_length, match_length, new_distance = values
        distance = new_distance or distance  # 0 repeats the last one
        out += text[used : used + literal_length]
        used += literal_length
        _copy(out, distance, match_length, limit)


def _copy(out: bytearray, distance: int, length: int, limit: int) -> None:
    """Repeat what was written ``distance`` bytes ago; a match may overlap what it writes."""
    if len(out) + length > limit:
        raise IndexError("more output than the block promised")
    if length == 0:
        return
    if not 0 < distance <= len(out):
        raise IndexError("match before the start")
    start = len(out) - distance
    if distance >= length:
        out += out[start : start + length]
    else:
        out += (bytes(out[start:]) * (length // distance + 1))[:length]


def _lzvn(data: bytes, out: bytearray, limit: int) -> None:
    """A byte-coded block: each opcode gives a literal, a match, or both."""
    position = distance = 0
    while True:
        op = data[position]
        literal = match = 0
        if op == 0x06:
            return
        if op in (0x0E, 0x16):
            position += 1
            continue
        if op >= 0xF0:
            match, size = (data[position + 1] + 16, 2) if op == 0xF0 else (op & 15, 1)
        elif op >= 0xE0:
            literal, size = (data[position + 1] + 16, 2) if op == 0xE0 else (op & 15, 1)
        elif 0xA0 <= op < 0xC0:
            pair = data[position + 1] | data[position + 2] << 8
            literal, match, distance, size = (op >> 3) & 3, ((op & 7) << 2 | pair & 3) + 3, pair >> 2, 3
        elif 0x70 <= op < 0x80 or 0xD0 <= op < 0xE0 or (op & 7 == 6 and op < 0x40):
            raise LzfseError(f"undefined opcode {op:#x}")
        else:
            literal, match, size = op >> 6, ((op >> 3) & 7) + 3, 1
            if op & 7 == 7:
                distance, size = data[position + 1] | data[position + 2] << 8, 3
            elif op & 7 != 6:
                distance, size = (op & 7) << 8 | data[position + 1], 2
        position += size
        if position + literal > len(data):
            raise IndexError("literal cut short")
        out += data[position : position + literal]
        position += literal
        _copy(out, distance, match, limit)
