"""Which lines of a CSV block are plain records, found with bit arithmetic on the whole block at once.

Fast readers take lines with wrong quoting or missing cells and silently change or pad them. Here every line
is checked: quotation marks open only at the start of a cell and close only at its end, no line feed is inside
a cell, and the number of delimiters outside quotation marks is right. 64 bytes of text become one machine
word of bits for each character of interest, so that the check costs a fraction of the reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Bits = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]

PART = 1 << 20
"""Bytes looked at at once: a part and its bits stay in the processor's cache."""
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

    def first(self, count: int) -> Lines:
        """The first lines alone."""
        return replace(
            self,
            starts=self.starts[:count],
            ends=self.ends[:count],
            plain=self.plain[:count],
            blank=self.blank[:count],
        )


def look(data: bytes, *, columns: int, delimiter: int = COMMA, longest: int) -> Lines:
    """Find and judge the lines of `data`, whose last byte is a line feed. Lines over `longest` are not plain."""
    text = np.frombuffer(data, np.uint8)
    rules = _Rules(columns, delimiter, longest, returns=b"\r" in data, nul=b"\0" in data)
    parts = [_look(text[start:end], start, rules) for start, end in _parts(data)]
    if not parts:
        none = np.zeros(0, np.int64)
        return Lines(none, none, none.astype(np.bool_), none.astype(np.bool_), simple=True)
    ends, plain, length = (np.concatenate([part[i] for part in parts]) for i in range(3))
    starts = np.concatenate([np.zeros(1, np.int64), ends[:-1] + 1])
    _drop_bad_text(data, ends, plain)
    simple = all(part[3] for part in parts) and b"\\" not in data
    return Lines(starts, ends, plain & (length > 0), length == 0, simple)


@dataclass(frozen=True)
class _Rules:
    """What a plain line is, and which characters there are at all."""

    columns: int
    delimiter: int
    longest: int
    returns: bool
    nul: bool


def _parts(data: bytes) -> Iterator[tuple[int, int]]:
    """Ranges of about PART bytes that end after a line feed."""
    start = 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + PART) + 1 or data.find(b"\n", start + PART) + 1
        yield start, end
        start = end


def _look(text: Bytes, start: int, rules: _Rules) -> tuple[Positions, Flags, Positions, bool]:
    """Line ends, whether each line is plain, its length, and whether all cells are simple."""
    feeds = _bits(text, FEED)
    ends = _positions(feeds)
    length = np.diff(ends, prepend=-1) - 1
    carriages = 0
    if rules.returns:
        carriage = (length > 0) & (text[np.maximum(ends - 1, 0)] == RETURN)
        length = length - carriage
        carriages = int(carriage.sum())
    good, marks = _well_formed(text, feeds, ends, rules)
    plain = good & (length <= rules.longest)
    if rules.nul:
        plain &= ~_have(_bits(text, NUL), ends)
    simple = not marks and int(np.count_nonzero(text < 0x20)) == len(ends) + carriages
    return ends + start, plain, length, simple


def _well_formed(text: Bytes, feeds: Bits, ends: Positions, rules: _Rules) -> tuple[Flags, bool]:
    """Whether quoting is right and the number of cells is right, line by line; whether any cell has a mark."""
    quotes = _bits(text, QUOTE)
    commas = _bits(text, rules.delimiter)
    inside = _prefix_xor(quotes)
    good = np.ones(len(ends), np.bool_)
    if (feeds & inside).any():
        # A line feed inside quotation marks ends them here, so that one odd line does not spoil the next ones.
        odd = _counts(quotes, ends) & 1 == 1
        inside = _prefix_xor(quotes | _at(ends[odd], len(quotes)))
        good = ~odd
    good &= _counts(commas & ~inside, ends) == rules.columns - 1
    before = commas | feeds | quotes
    after = before
    if rules.returns:
        carriage = _bits(text, RETURN)
        after = before | carriage
        good &= ~_have(carriage & ~_next(feeds), ends)
    opening, closing = quotes & inside, quotes & ~inside
    wrong = (opening & ~_previous(before, first=True)) | (closing & ~_next(after))
    marks = bool((closing & _next(opening)).any())
    return (good & ~_have(wrong, ends) if wrong.any() else good), marks


def _bits(text: Bytes, value: int) -> Bits:
    """One bit for each byte of `text`: whether it is `value`; padded with zeros to whole words."""
    packed = np.packbits(text == value, bitorder="little")
    words = np.zeros((len(text) + 63) // 64, np.uint64)
    words.view(np.uint8)[: len(packed)] = packed
    return words


def _positions(bits: Bits) -> Positions:
    """Where bits are set."""
    octets = bits.view(np.uint8)
    some = np.flatnonzero(octets != 0)
    place = np.flatnonzero(np.unpackbits(octets[some], bitorder="little").view(np.bool_))
    positions: Positions = some[place >> 3] * 8 + (place & 7)
    return positions


def _at(positions: Positions, words: int) -> Bits:
    """Bits set at `positions`."""
    bits = np.zeros(words, np.uint64)
    np.bitwise_or.at(bits, positions >> 6, ONE << (positions & 63).astype(np.uint64))
    return bits


def _prefix_xor(bits: Bits) -> Bits:
    """For each bit the parity of all bits up to and including it."""
    inside = bits.copy()
    moved = np.empty_like(bits)
    for shift in (1, 2, 4, 8, 16, 32):
        inside ^= np.left_shift(inside, np.uint64(shift), out=moved)
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


def _counts(bits: Bits, ends: Positions) -> Positions:
    """How many bits are set in each line."""
    before = np.zeros(len(bits) + 1, np.int64)
    np.cumsum(np.bitwise_count(bits), out=before[1:])
    word = ends >> 6
    below = (ONE << (ends & 63).astype(np.uint64)) - ONE
    counts: Positions = np.diff(before[word] + np.bitwise_count(bits[word] & below), prepend=0)
    return counts


def _have(bits: Bits, ends: Positions) -> Flags:
    """Whether any bit is set in each line."""
    return _counts(bits, ends) > 0


def _drop_bad_text(data: bytes, ends: Positions, plain: Flags) -> None:
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
