"""The closed list of named casts: text columns become typed ones; what cannot be cast becomes null.

A cast looks at distinct values or at the whole column at once, never at one row after the other. It gives the same
column back untouched where every value is canonical already, which is the common case.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import polars as pl

from atalaya.core import marking
from atalaya.core.formats import reasons
from atalaya.core.schema.columns import BY_FIELD, SEVERITIES, TIME

Function = Callable[[pl.Series], pl.Series]

OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
IPV4 = rf"^(?:{OCTET}\.){{3}}{OCTET}$"
LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
FQDN = rf"^(?:{LABEL}\.)+(?:[a-z]|[a-z][a-z0-9-]{{0,61}}[a-z0-9])$"
REQUEST = r"^[A-Z]{3,20} (/\S*)(?: HTTP/[0-9.]+)?$"
"""The request line of HTTP, of which a report may have cut the end."""
URL = r"^[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/?#]+[^\s]*$"
CVE = re.compile(r"cve-?(\d{4})-?(\d{4,7})(?!\d)", re.IGNORECASE)
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
WINDOWS_1970 = 116_444_736_000_000_000
"""1970-01-01 in ticks of 100 nanoseconds since 1601-01-01."""
TRUE = frozenset({"true", "y", "yes", "1", "enabled", "t", "on"})
FALSE = frozenset({"false", "n", "no", "0", "disabled", "f", "off"})


@dataclass(frozen=True)
class Cast:
    """One named cast.

    dtype: what it gives. reason: why a row is rejected when a required value fails. nothing: values that mean
    "no value". partial: it takes something out of the text, and to find nothing is no failure. beside: it needs the
    column that the target's argument names.
    """

    function: Function
    dtype: pl.DataType = pl.String()
    reason: str = reasons.VALUE
    nothing: frozenset[str] = frozenset()
    partial: bool = False
    beside: Callable[[pl.Series, pl.Series], pl.Series] | None = None


def distinct(column: pl.Series) -> pl.Series:
    """Every value of a column once, without null."""
    if len(column) and column[0] is not None and column[0] == column[-1] and (column == column[0]).all():
        # Many columns say the same in every row: looking is ten times faster than hashing.
        return column.head(1)
    return column.drop_nulls().unique()


def by_value(change: Callable[[str], str | None]) -> Function:
    """A cast that changes distinct values one by one and leaves the column alone where nothing changes."""

    def cast(column: pl.Series) -> pl.Series:
        old = distinct(column)
        new = pl.Series([change(value) for value in old.to_list()], dtype=pl.String())
        if old.equals(new, null_equal=False) or not old.len():
            return column
        return column.replace_strict(old, new, default=None, return_dtype=pl.String())

    return cast


def matching(pattern: str, change: Callable[[str], str | None], *, longest: int = 65_536) -> Function:
    """A cast that keeps values of one canonical pattern as they are and changes the others one by one."""
    slow = by_value(change)

    def cast(column: pl.Series) -> pl.Series:
        good = column.str.contains(pattern) & (column.str.len_bytes() <= longest)
        if good.all():
            return column
        rest = slow(column.filter(~good))
        return column.clone().scatter((~good).fill_null(value=False).arg_true(), rest)

    return cast


_USUAL_V6 = frozenset("123456789abcdefABCDEF")
"""First characters of IPv6 addresses that the C library writes as `ipaddress` does: none of these holds an IPv4 one."""


def _address(text: str) -> str | None:
    """Canonical address; None for what is none, has a zone, or is the unspecified address."""
    if ":" in text and text[0] in _USUAL_V6:
        return _usual_v6(text)
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return None
        address = address.ipv4_mapped or address
    return None if address.is_unspecified else str(address)


def _usual_v6(text: str) -> str | None:
    try:
        return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, text))
    except (OSError, ValueError):
        return None


_any_address = matching(IPV4, _address)


def address(column: pl.Series) -> pl.Series:
    """IPv4 or IPv6 addresses in canonical form; 0.0.0.0 and :: are no addresses."""
    done = _any_address(column)
    unspecified = done == "0.0.0.0"  # noqa: S104 - compared with, never bound to
    return done.set(unspecified, None) if unspecified.any() else done


def _network(text: str) -> str | None:
    try:
        return str(ipaddress.ip_network(text.strip(), strict=False)) if "/" in text else None
    except ValueError:
        return None


def _whole(low: int, high: int) -> Function:
    def cast(column: pl.Series) -> pl.Series:
        number = column.cast(pl.Int64(), strict=False)
        bad = (number < low) | (number > high)
        return number.set(bad, None) if bad.any() else number

    return cast


whole = _whole(-(2**63), 2**63 - 1)


def asn(column: pl.Series) -> pl.Series:
    """AS numbers, with or without AS before them."""
    number = _whole(0, 2**32 - 1)(column)
    if number.null_count() == column.null_count():
        return number
    return _whole(0, 2**32 - 1)(column.str.replace(r"^(?i:AS)\s?", ""))


def real(column: pl.Series) -> pl.Series:
    """Finite decimal numbers."""
    number = column.cast(pl.Float64(), strict=False)
    odd = ~number.is_finite()
    return number.set(odd, None) if odd.any() else number


def boolean(column: pl.Series) -> pl.Series:
    """Yes and no in the words that feeds use for them."""
    old = distinct(column)
    new = [True if v.lower() in TRUE else False if v.lower() in FALSE else None for v in old.to_list()]
    return column.replace_strict(
        old, pl.Series(new, dtype=pl.Boolean()), default=None, return_dtype=pl.Boolean()
    )


def _moment(text: str) -> datetime | None:
    """A time in one of the forms of ISO 8601, or as in mail and HTTP; UTC where no zone is said."""
    text = text.strip().removesuffix(" UTC").removesuffix(" GMT")
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(text)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, TypeError, OverflowError):
            continue
    return None


def _in_range(column: pl.Series) -> pl.Series:
    bad = (column < EARLIEST) | (column >= LATEST)
    return column.set(bad, None) if bad.any() else column


def moment(column: pl.Series) -> pl.Series:
    """Times from 1970 to 2199, in UTC where no zone is said."""
    # Times rarely repeat: to remember each one costs more than to read it.
    time = column.str.to_datetime(
        "%Y-%m-%d %H:%M:%S", strict=False, time_unit="us", time_zone="UTC", cache=False
    )
    if time.null_count() > column.null_count():
        utc = column.str.replace(r"^(\S{10})T(\S{8})(?:Z|\+00:00)?$", "$1 $2")
        time = utc.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="us", time_zone="UTC")
    if time.null_count() > column.null_count():
        http = column.str.to_datetime(
            "%a, %d %b %Y %H:%M:%S GMT", strict=False, time_unit="us", time_zone="UTC", cache=False
        )
        time = http.zip_with(time.is_null(), time)
    if time.null_count() > column.null_count():
        rest = time.is_null() & column.is_not_null()
        odd = column.filter(rest)
        old = odd.unique()
        new = pl.Series([_moment(text) for text in old.to_list()], dtype=TIME)
        time = time.scatter(rest.arg_true(), odd.replace_strict(old, new, default=None, return_dtype=TIME))
    return _in_range(time)


def iso(column: pl.Series) -> pl.Series:
    """Times as text in one form, for `extra`, whose values have no types of their own."""
    return moment(column).dt.strftime("%Y-%m-%dT%H:%M:%S%.f+00:00")


def _epoch(per_second: int) -> Function:
    def cast(column: pl.Series) -> pl.Series:
        seconds = column.cast(pl.Float64(), strict=False) / per_second
        good = (seconds >= 0) & (seconds < LATEST.timestamp())
        micros = seconds.set(~good, None) if not good.all() else seconds
        return (
            (micros * 1_000_000).round().cast(pl.Int64()).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        )

    return cast


def filetime(column: pl.Series) -> pl.Series:
    """Times in ticks of 100 nanoseconds since 1601, as Windows counts them."""
    ticks = whole(column)
    good = (ticks >= WINDOWS_1970) & (ticks < 2**62)
    micros = (ticks.set(~good, None) - WINDOWS_1970) // 10
    return _in_range(micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))


def _domain(text: str) -> str | None:
    """Lower case, A-labels, no final dot; None for what is no domain name of two labels or more."""
    name = text.strip().rstrip(".").lower()
    if not name.isascii():
        try:
            name = name.encode("idna").decode()
        except UnicodeError:
            return None
    return name if len(name) <= 253 and re.fullmatch(FQDN[1:-1], name) else None


def _hex(length: int) -> Function:
    pattern = f"^[0-9a-f]{{{length}}}$"

    def change(text: str) -> str | None:
        value = text.strip().lower()
        return value if re.fullmatch(pattern[1:-1], value) else None

    return matching(pattern, change)


def _country(text: str) -> str | None:
    code = text.strip().upper()
    return code if re.fullmatch("[A-Z]{2}", code) else None


def _lower(text: str) -> str | None:
    return text.strip().lower() or None


def _severity(text: str) -> str | None:
    value = text.strip().lower()
    return value if value in SEVERITIES else None


def _transport(text: str) -> str | None:
    value = text.strip().lower()
    return value if re.fullmatch("[a-z][a-z0-9-]{1,15}", value) else None


def _tlp(text: str) -> str | None:
    """One of the markings of TLP 2.0. One that nobody understands is red: the feed's own marking would be a guess."""
    return marking.parse(text)


def _vulnerabilities(text: str) -> str | None:
    found = sorted({f"CVE-{year}-{number}" for year, number in CVE.findall(text)})
    return ",".join(found) or None


def _json(text: str) -> str | None:
    """The JSON object in `text`, written compactly; None for what is no object or an empty one."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if isinstance(value, dict) else None


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _base64(text: str) -> str:
    """The text where it is base64 already, else its bytes in base64."""
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return base64.b64encode(text.encode()).decode()
    return text


def request_line(column: pl.Series) -> pl.Series:
    """Request lines of HTTP; nothing for what is none."""
    return matching(REQUEST, lambda _: None)(column)


def url(column: pl.Series) -> pl.Series:
    """Whole URLs, with scheme and host."""
    return matching(URL, lambda _: None)(column)


def url_of_host(column: pl.Series, host: pl.Series) -> pl.Series:
    """URLs from a column with whole URLs, only paths or request lines, and a column with the host."""
    path = column.str.replace(REQUEST, "$1")
    composed = pl.select(
        pl.when(path.str.contains("^/"))
        .then(pl.concat_str(pl.lit("http://"), host.str.strip_chars(), path))
        .otherwise(column)
    ).to_series()
    return url(composed)


HOST = r"^(?:[A-Za-z][A-Za-z0-9+.-]{0,30}://)?(?:[^/?#@\s]*@)?(\[[0-9A-Fa-f:.]+\]|[^\[\]:/?#\s]+)(?::\d{1,5})?(?:[/?#].*)?$"
PORT = r"^(?:[A-Za-z][A-Za-z0-9+.-]{0,30}://)?(?:[^/?#@\s]*@)?(?:\[[0-9A-Fa-f:.]+\]|[^\[\]:/?#\s]+):(\d{1,5})(?:[/?#].*)?$"


def _host(column: pl.Series) -> pl.Series:
    """What stands for the machine in URLs, `host:port`, mail addresses and bare names."""
    return column.str.strip_chars().str.extract(HOST).str.strip_chars("[]")


def ip_in(column: pl.Series) -> pl.Series:
    """The address in a URL or in `address:port`, or the bare address; the first of several with blanks between."""
    column = column.str.strip_chars().str.extract(r"^(\S+)")
    found = _host(column)
    bare = column.str.contains(r"^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$")
    return address(pl.select(pl.when(bare).then(column).otherwise(found)).to_series())


def name_in(column: pl.Series) -> pl.Series:
    """The domain name in a URL, in `name:port` or in a mail address, or the bare name."""
    return matching(FQDN, _domain, longest=253)(_host(column))


def port_in(column: pl.Series) -> pl.Series:
    """The port in a URL or in `host:port`."""
    return _whole(0, 65_535)(column.str.strip_chars().str.extract(PORT))


def network_of_mask(column: pl.Series, mask: pl.Series) -> pl.Series:
    """Networks from a column with their first addresses and one with their length or mask."""
    whole = pl.select(pl.concat_str(pl.lit(column), pl.lit("/"), pl.lit(mask.str.strip_chars()))).to_series()
    return by_value(_network)(whole)


def text(column: pl.Series) -> pl.Series:
    """Text as it is."""
    return column


NUMBER = reasons.NUMBER
ZERO = frozenset({"0"})
CASTS: dict[str, Cast] = {
    "text": Cast(text),
    "lower": Cast(by_value(_lower)),
    "time": Cast(moment, TIME, reasons.TIME),
    "iso": Cast(iso, reason=reasons.TIME),
    "epoch": Cast(_epoch(1), TIME, reasons.TIME),
    "epoch_ms": Cast(_epoch(1000), TIME, reasons.TIME),
    "filetime": Cast(filetime, TIME, reasons.TIME),
    "ip": Cast(address, reason=reasons.ADDRESS),
    "network": Cast(by_value(_network), reason=reasons.NETWORK, beside=network_of_mask),
    "ip_in": Cast(ip_in, partial=True),
    "name_in": Cast(name_in, partial=True),
    "port_in": Cast(port_in, pl.Int64(), partial=True),
    "port": Cast(_whole(0, 65_535), pl.Int64(), NUMBER),
    "asn": Cast(asn, pl.Int64(), NUMBER, nothing=ZERO),
    "int": Cast(whole, pl.Int64(), NUMBER),
    "nonzero": Cast(whole, pl.Int64(), NUMBER, nothing=ZERO),
    "float": Cast(real, pl.Float64(), NUMBER),
    "bool": Cast(boolean, pl.Boolean()),
    "fqdn": Cast(matching(FQDN, _domain, longest=253)),
    "url": Cast(url, beside=url_of_host),
    "request_line": Cast(request_line, partial=True),
    "base64": Cast(by_value(_base64)),
    "md5": Cast(_hex(32)),
    "sha1": Cast(_hex(40)),
    "sha256": Cast(_hex(64)),
    "cc": Cast(by_value(_country)),
    "severity": Cast(by_value(_severity)),
    "transport": Cast(by_value(_transport)),
    "tlp": Cast(by_value(_tlp)),
    "cve": Cast(by_value(_vulnerabilities), partial=True),
    "json": Cast(by_value(_json)),
}
"""Every cast that a declaration may name."""

_BY_LAST_PART = {
    "ip": "ip", "local_ip": "ip", "network": "network", "asn": "asn", "port": "port", "fqdn": "fqdn",
    "reverse_dns": "fqdn", "cc": "cc", "cymru_cc": "cc", "geoip_cc": "cc", "url": "url", "md5": "md5",
    "sha1": "sha1", "sha256": "sha256", "transport": "transport", "application": "lower",
    "taxonomy": "lower", "type": "lower", "identifier": "lower", "extra": "json", "severity": "severity",
    "tlp": "tlp",
}  # fmt: skip
_BY_TYPE = {pl.Int64(): "int", pl.Float64(): "float", pl.Boolean(): "bool", TIME: "time"}


def natural(field: str) -> str:
    """The name of the cast that belongs to an IDF field, or "text" for `extra.KEY`."""
    if field.startswith("extra."):
        return "text"
    if field == "malware.name":
        return "lower"
    column = BY_FIELD[field]
    if column.dtype in _BY_TYPE and field.rpartition(".")[2] not in _BY_LAST_PART:
        return _BY_TYPE[column.dtype]
    return _BY_LAST_PART.get(field.rpartition(".")[2], "text")
