"""Which lines of a CSV block are plain records, found with bit arithmetic on the whole block at once.

Fast readers take lines with wrong quoting or missing cells and silently change or pad them. Here every line
is checked: quotation marks open only at the start of a cell and close only at its end, no line feed is inside
a cell, and the number of delimiters outside quotation marks is right. 64 bytes of text become one machine
word of bits for each character of interest, so that the check costs a fraction of the reading.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]

SLICE = 1 << 18
"""Bytes looked at at once: a slice and its bits stay in the processor's cache."""
ONE = np.uint64(1)
LAST = np.uint64(63)
QUOTE, COMMA, FEED, RETURN, NUL = 0x22, 0x2C, 0x0A, 0x0D, 0x00


@dataclass(frozen=True)
class Lines:
    """The lines of one block: byte offsets, and for each line what is known of it.

    starts, ends: int64 offsets, `ends` at the line feed. plain: the line by itself is a well-formed record
    with the right number of cells. blank: nothing in it. simple: no cell of a plain line has a quotation mark,
    a backslash or a control character.
    """

    starts: Positions
    ends: Positions
    plain: Flags
    blank: Flags
    simple: bool


def look(data: bytes, *, columns: int, delimiter: int = COMMA, longest: int) -> Lines:
    """Find and judge the lines of `data`, whose last byte is a line feed. Lines over `longest` are not plain."""
    text = np.frombuffer(data, np.uint8)
    ends = _positions(text, FEED)
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1])
    returns = data.find(b"\r") >= 0
    length = ends - starts
    if returns:
        length = length - ((length > 0) & (text[np.maximum(ends - 1, 0)] == RETURN))
    good, marks = _well_formed(text, ends, columns, delimiter, returns)
    plain = good & (length <= longest)
    if data.find(b"\0") >= 0:
        plain &= ~_have(_bits(text, NUL), ends)
    _drop_bad_text(data, starts, ends, plain)
    simple = not marks and data.find(b"\\") < 0 and _controls(text) == len(ends) + data.count(b"\r") * returns
    return Lines(starts, ends, plain & (length > 0), length == 0, simple)


def _controls(text: npt.NDArray[np.uint8]) -> int:
    """How many control characters there are, line feeds included."""
    return sum(np.count_nonzero(text[at : at + SLICE] < 0x20) for at in range(0, len(text), SLICE))


def _well_formed(
    text: npt.NDArray[np.uint8], ends: Positions, columns: int, delimiter: int, returns: bool
) -> tuple[Flags, bool]:
    """Whether quoting is right and the number of cells is `columns`, line by line; whether any cell has a mark."""
    quotes = _bits(text, QUOTE)
    feeds = _bits(text, FEED)
    commas = _bits(text, delimiter)
    odd = _counts(quotes, ends) & 1 == 1
    # A line feed inside quotation marks ends them here, so that one odd line does not spoil the next ones.
    toggles = quotes | _at(ends[odd], len(quotes)) if odd.any() else quotes
    inside = _prefix_xor(toggles)
    outside = commas & ~inside
    before = commas | feeds | quotes
    after = before
    good = ~odd & (_counts(outside, ends) == columns - 1)
    if returns:
        carriage = _bits(text, RETURN)
        after = before | carriage
        good &= ~_have(carriage & ~_next(feeds), ends)
    opening, closing = quotes & inside, quotes & ~inside
    wrong = (opening & ~_previous(before, first=True)) | (closing & ~_next(after))
    marks = bool((closing & _next(opening)).any())
    return (good & ~_have(wrong, ends) if wrong.any() else good), marks


def _bits(text: npt.NDArray[np.uint8], value: int) -> Bits:
    """One bit for each byte of `text`: whether it is `value`; padded with zeros to whole words."""
    packed = np.zeros((len(text) + 63) // 64 * 8, np.uint8)
    for start in range(0, len(text), SLICE):
        part = np.packbits(text[start : start + SLICE] == value, bitorder="little")
        packed[start // 8 : start // 8 + len(part)] = part
    return packed.view(np.uint64)


def _positions(text: npt.NDArray[np.uint8], value: int) -> Positions:
    parts = [
        np.flatnonzero(text[start : start + SLICE] == value) + start for start in range(0, len(text), SLICE)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _at(positions: Positions, words: int) -> Bits:
    """Bits set at `positions`."""
    bits = np.zeros(words, np.uint64)
    np.bitwise_or.at(bits, positions >> 6, ONE << (positions & 63).astype(np.uint64))
    return bits


def _prefix_xor(bits: Bits) -> Bits:
    """For each bit the parity of all bits up to and including it."""
    inside = bits.copy()
    for shift in (1, 2, 4, 8, 16, 32):
        inside ^= inside << np.uint64(shift)
    carry = np.bitwise_xor.accumulate(inside >> LAST)
    inside[1:] ^= np.uint64(0) - carry[:-1]
    return inside


def _previous(bits: Bits, *, first: bool) -> Bits:
    """For each place whether the place before it is set; `first` stands before the first place."""
    moved = bits << ONE
    moved[1:] |= bits[:-1] >> LAST
    moved[0] |= np.uint64(first)
    return moved


def _next(bits: Bits) -> Bits:
    """For each place whether the place after it is set."""
    moved = bits >> ONE
    moved[:-1] |= bits[1:] << LAST
    return moved


def _counts(bits: Bits, ends: Positions) -> npt.NDArray[np.int64]:
    """How many bits are set in each line."""
    before = np.zeros(len(bits) + 1, np.int64)
    np.cumsum(np.bitwise_count(bits), out=before[1:])
    word = ends >> 6
    below = (ONE << (ends & 63).astype(np.uint64)) - ONE
    return np.diff(before[word] + np.bitwise_count(bits[word] & below), prepend=0)


def _have(bits: Bits, ends: Positions) -> Flags:
    """Whether any bit is set in each line."""
    return _counts(bits, ends) > 0


def _drop_bad_text(data: bytes, starts: Positions, ends: Positions, plain: Flags) -> None:
    """Lines that are not UTF-8 are not plain."""
    if data.isascii():
        return
    at = 0
    while at < len(data):
        try:
            str(memoryview(data)[at:], "utf-8")
            return
        except UnicodeDecodeError as error:
            line = int(np.searchsorted(ends, at + error.start))
            plain[line] = False
            at = int(ends[line]) + 1
