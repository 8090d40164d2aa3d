"""The one spelling of what the registry keeps: prefixes, AS numbers, domains, addresses, working hours, text.

Each function takes what a person typed or a file holds, and returns the canonical value or raises `BadValue`, which
says what is wrong and what to write instead. Canonical values are fixed points: canonical(canonical(x)) is canonical(x).
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
import uuid
import zoneinfo
from datetime import date
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_email
from django.utils.translation import gettext as _

from atalaya.core.errors import BadInput

PREFIX, ASN, DOMAIN = "prefix", "asn", "domain"

WIDEST = {4: 8, 6: 16}
"""The shortest prefix length that one organisation may claim, by IP version."""

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)\Z")
_COMMERCIAL = frozenset({"com", "co", "net", "org", "ind", "info", "biz", "web", "firm", "nom"})
"""Second-level names that registries of countries sell names under. Those of governments can have one owner."""


class BadValue(BadInput):
    """A value that the registry refuses, with the advice that a person needs to mend it."""


def network(text: str) -> tuple[str, str]:
    """(kind, canonical value) of a prefix, an address, an AS number or a domain, told apart by their looks."""
    text = text.strip()
    if re.fullmatch(r"(?i)as\s*[0-9.]+|[0-9]+|[0-9]+\.[0-9]+", text):
        return ASN, asn(text)
    if (":" in text and "://" not in text) or re.fullmatch(r"[0-9./ -]+", text):
        return PREFIX, prefix(text)
    return DOMAIN, domain(text)


def canonical(kind: str, text: str) -> str:
    """The canonical value for a known kind: "prefix", "asn" or "domain"."""
    return {PREFIX: prefix, ASN: asn, DOMAIN: domain}[kind](text)


def prefix(text: str) -> str:
    """An address prefix, "192.0.2.0/24" or "2001:db8::/32". A lone address becomes a prefix of one."""
    text = text.strip()
    parsed = _interface(text)
    net = parsed.network
    if isinstance(net, IPv6Network) and net.network_address.ipv4_mapped is not None:
        raise BadValue(_("This is an IPv4 address written as IPv6."), advice=_("Write it as IPv4."))
    if parsed.ip != net.network_address:
        raise BadValue(
            _("%(value)s has bits set beyond its length.") % {"value": text},
            advice=_("Write %(network)s for the whole network, or %(address)s for the single address.")
            % {"network": net, "address": ipaddress.ip_network(parsed.ip)},
        )
    if net.prefixlen < WIDEST[net.version]:
        raise BadValue(
            _("%(value)s is too wide to belong to one organisation.") % {"value": net},
            advice=_("Give prefixes of /%(least)s or longer.") % {"least": WIDEST[net.version]},
        )
    return str(net)


def _interface(text: str) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface:
    if re.fullmatch(r"\S+ *- *\S+", text):
        raise BadValue(_("This is a range of addresses."), advice=_range_advice(text))
    try:
        if "%" in text or not text.isascii():
            raise ValueError
        return ipaddress.ip_interface(text)
    except ValueError as error:
        raise BadValue(
            _("%(value)s is not an address prefix.") % {"value": text},
            advice=_("Write it like 192.0.2.0/24 or 2001:db8::/32."),
        ) from error


def _range_advice(text: str) -> str:
    """The prefixes that a range stands for, when it is one and they are few."""
    first, _dash, last = text.partition("-")
    try:
        ends = ipaddress.ip_address(first.strip()), ipaddress.ip_address(last.strip())
        nets = [str(net) for net in ipaddress.summarize_address_range(*ends)]
    except (ValueError, TypeError):
        return _("Write it like 192.0.2.0/24 or 2001:db8::/32.")
    if len(nets) > 8:
        return _("Write each of its %(count)s prefixes in a row of its own.") % {"count": len(nets)}
    return _("Write these, each in a row of its own: %(prefixes)s.") % {"prefixes": ", ".join(nets)}


def asn(text: str) -> str:
    """An AS number in asplain with its letters: "AS64500". Reads "64500", "as 64500" and asdot "1.10"."""
    digits = re.sub(r"(?i)\Aas\s*", "", text.strip())
    match = re.fullmatch(r"([0-9]{1,10})(?:\.([0-9]{1,5}))?", digits, re.ASCII)
    number = 0
    if match:
        high, low = match.groups()
        number = int(high) if low is None else (int(high) << 16) + int(low)
        if low is not None and (int(high) > 0xFFFF or int(low) > 0xFFFF):
            number = 0
    if number in {0, 23456, 0xFFFF, 0xFFFFFFFF} or number > 0xFFFFFFFF:
        raise BadValue(
            _("%(value)s is not an AS number that somebody can own.") % {"value": text.strip()},
            advice=_("Write it like AS64500."),
        )
    return f"AS{number}"


def domain(text: str) -> str:
    """A domain in lower-case A-labels without a final dot: "example.org", "xn--caf-dma.example"."""
    text = text.strip()
    if "://" in text or "@" in text or "/" in text:
        raise BadValue(_("%(value)s is not a domain alone.") % {"value": text}, advice=_domain_advice(text))
    name = _a_labels(text.removeprefix("*.").rstrip("."))
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.match(label) for label in labels) or labels[-1].isdigit():
        raise BadValue(
            _("%(value)s is not a domain.") % {"value": text},
            advice=_("Write it like example.org, without www."),
        )
    if len(labels) == 1 or (len(labels) == 2 and len(labels[1]) == 2 and labels[0] in _COMMERCIAL):
        raise BadValue(
            _("%(value)s is a public ending that many share.") % {"value": name},
            advice=_("Write the name below it, like example.%(ending)s.") % {"ending": name},
        )
    return name


def _domain_advice(text: str) -> str:
    host = text.rpartition("@")[2] if "@" in text else (_host(text) or "")
    found = host.removeprefix("www.") if "." in host else "example.org"
    return _("Write only the domain: %(domain)s.") % {"domain": found}


def _host(text: str) -> str | None:
    try:
        return urlsplit(text if "://" in text else f"//{text}").hostname
    except ValueError:
        return None


def _a_labels(name: str) -> str:
    """Each label as ASCII (IDNA 2003, which needs no tables beyond Python's own)."""
    try:
        encoded = unicodedata.normalize("NFC", name).lower().encode("idna").decode("ascii").lower()
        encoded.encode("ascii").decode("idna")
    except UnicodeError as error:
        raise BadValue(
            _("%(value)s is not a domain.") % {"value": name},
            advice=_("Write it like example.org, without www."),
        ) from error
    return encoded


def supernets(value: str) -> list[str]:
    """Every prefix that holds the canonical prefix `value`, itself first, up to the widest that may be claimed."""
    net = ipaddress.ip_network(value)
    lengths = range(net.prefixlen, WIDEST[net.version] - 1, -1)
    return [str(net.supernet(new_prefix=length)) for length in lengths]


def rank(kind: str, value: str) -> str:
    """Where a canonical network stands in a list, as text that sorts: prefixes by address (IPv4 first, an outer one before
    those in it), then AS numbers by number, then domains by name."""
    if kind == PREFIX:
        net = ipaddress.ip_network(value)
        return f"{net.version}{int(net.network_address):032x}{net.prefixlen:03d}"
    return f"7{int(value.removeprefix('AS')):010d}" if kind == ASN else f"8{value}"


def parents(value: str) -> list[str]:
    """The canonical domain `value` and every domain above it that has at least two labels."""
    labels = value.split(".")
    return [".".join(labels[start:]) for start in range(len(labels) - 1)]


def address(text: str) -> IPv4Address | IPv6Address | None:
    """The single address in a text, or None when it is something else."""
    try:
        found = ipaddress.ip_address(text.strip())
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def span(value: str) -> IPv4Network | IPv6Network:
    """The canonical prefix `value` as a network."""
    return ipaddress.ip_network(value)


def text(value: str, *, lines: bool = False) -> str:
    """Text in NFC without spaces at its ends; a new line is "\\n". Without `lines` it is one line.

    Raises BadValue for control characters, which no page, mail or database can carry.
    """
    if value.isascii() and value.isprintable():
        return value.strip()
    value = unicodedata.normalize("NFC", value.replace("\r\n", "\n").replace("\r", "\n"))
    if not lines:
        value = re.sub(r"[\n\t]+", " ", value)
    if any(unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\t" for char in value):
        raise BadValue(
            _("The text holds control characters."), advice=_("Type it again, or paste it as plain text.")
        )
    return value.strip()


def email(value: str) -> str:
    """An e-mail address, its domain in lower case. Empty stays empty."""
    value = text(value)
    if not value:
        return ""
    try:
        validate_email(value)
    except ValidationError as error:
        raise BadValue(
            _("%(value)s is not an e-mail address.") % {"value": value},
            advice=_("Write it like name@example.org."),
        ) from error
    local, _at, host = value.rpartition("@")
    return f"{local}@{host.lower()}"


def website(value: str) -> str:
    """A web address that starts with http:// or https://. Empty stays empty."""
    value = text(value)
    if not value:
        return ""
    try:
        URLValidator(schemes=["http", "https"])(value)
    except ValidationError as error:
        raise BadValue(
            _("%(value)s is not a web address.") % {"value": value},
            advice=_("Write it like https://www.example.org."),
        ) from error
    return value


def timezone(value: str) -> str:
    """An IANA time zone. Empty is UTC."""
    value = text(value) or "UTC"
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadValue(
            _("%(value)s is not a time zone.") % {"value": value}, advice=_("Write it like America/Barbados.")
        ) from error
    return value


def day(value: str) -> date | None:
    """A day as 2026-11-30. Empty is None."""
    value = value.strip()
    if not value:
        return None
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise BadValue(
            _("%(value)s is not a date.") % {"value": value}, advice=_("Write it like 2026-11-30.")
        )
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise BadValue(
            _("%(value)s is not a date.") % {"value": value}, advice=_("Write it like 2026-11-30.")
        ) from error


def identity(value: str) -> uuid.UUID | None:
    """A UUID. Empty is None."""
    value = value.strip()
    try:
        return uuid.UUID(value) if value else None
    except ValueError as error:
        raise BadValue(
            _("%(value)s is not an identifier.") % {"value": value},
            advice=_("Leave the cell empty: the node makes a new one."),
        ) from error


def fingerprint(value: str) -> str:
    """The fingerprint of an OpenPGP certificate: 40 or 64 hexadecimal digits, upper case. Empty stays empty."""
    digits = re.sub(r"[\s:]", "", value).upper().removeprefix("0X")
    if digits and not re.fullmatch(r"[0-9A-F]{40}|[0-9A-F]{64}", digits):
        raise BadValue(
            _("%(value)s is not a fingerprint.") % {"value": value.strip()},
            advice=_("Give all its 40 digits; the short key ID is not enough."),
        )
    return digits
