"""The columns of an event, one by one.

Field names are those of the IntelMQ Data Format (IDF), so that both sides can read what the other writes. A
column's `name` is the field with dots as underscores ("source.as_name" -> "source_as_name"), because table formats
and SQL engines read dots as nesting. `field_of` and `name_of` go from one to the other. Fields that IDF does not have
(`own=True`) are Atalaya's: attribution, provenance, identity.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

TEXT = pl.String()
INT = pl.Int64()
FLOAT = pl.Float64()
TIME = pl.Datetime("us", "UTC")
BOOL = pl.Boolean()


@dataclass(frozen=True)
class Column:
    """One column: its IDF field name, its type, what it means, and whether it is Atalaya's own."""

    field: str
    dtype: pl.DataType
    meaning: str
    own: bool = False

    @property
    def name(self) -> str:
        return self.field.replace(".", "_")


def _end(side: str) -> list[Column]:
    """The columns of one end of the observation, `source` or `destination`."""
    who = "the machine that the event is about" if side == "source" else "the machine at the other end"
    fields: list[tuple[str, pl.DataType, str]] = [
        ("abuse_contact", TEXT, f"Abuse address for {who}, as the feed says."),
        ("account", TEXT, "Account name or e-mail address."),
        ("allocated", TIME, "When the address block was allocated."),
        ("as_name", TEXT, "Name of the autonomous system."),
        ("asn", INT, "Autonomous system number."),
        ("domain_suffix", TEXT, "Public suffix of the domain."),
        ("fqdn", TEXT, "Domain name, lower case, A-labels, without a final dot."),
        ("geolocation.cc", TEXT, "Country, ISO 3166-1 alpha-2, as the feed says."),
        ("geolocation.city", TEXT, "City, as the feed says."),
        ("geolocation.country", TEXT, "Country name, as the feed says."),
        ("geolocation.latitude", FLOAT, "Degrees north."),
        ("geolocation.longitude", FLOAT, "Degrees east."),
        ("geolocation.region", TEXT, "Region, as the feed says."),
        ("geolocation.state", TEXT, "State or province, as the feed says."),
        ("ip", TEXT, f"IPv4 or IPv6 address of {who}, canonical text."),
        ("local_hostname", TEXT, "Host name inside the network."),
        ("local_ip", TEXT, "Address inside the network."),
        ("network", TEXT, "CIDR prefix, as the feed says."),
        ("port", INT, "Port, 0 to 65535."),
        ("registry", TEXT, "Regional internet registry of the address."),
        ("reverse_dns", TEXT, "Name found by reverse look-up."),
        ("tor_node", BOOL, "Whether the address is a Tor node."),
        ("url", TEXT, "URL."),
        ("urlpath", TEXT, "Path of the URL."),
    ]
    if side == "source":
        fields += [
            ("geolocation.cymru_cc", TEXT, "Country by Team Cymru."),
            ("geolocation.geoip_cc", TEXT, "Country by GeoIP."),
        ]
    return [Column(f"{side}.{name}", dtype, meaning) for name, dtype, meaning in fields]


COLUMNS: tuple[Column, ...] = (
    Column("classification.identifier", TEXT, "What exactly, in lower case: open-rdp, avalanche-andromeda."),
    Column("classification.taxonomy", TEXT, "RSIT top level: vulnerable, malicious-code ..."),
    Column("classification.type", TEXT, "RSIT class: vulnerable-system, infected-system ..."),
    Column("comment", TEXT, "Free text about the event."),
    Column("constituency", TEXT, "Constituency, as the feed says."),
    *_end("destination"),
    Column("event_description.target", TEXT, "What was aimed at."),
    Column("event_description.text", TEXT, "Description of the event."),
    Column("event_description.url", TEXT, "Where the event is described."),
    Column("event_hash", TEXT, "Hash of the event, as the feed says."),
    Column("extra", TEXT, "Everything the feed says that no field holds: one JSON object."),
    Column("feed.accuracy", FLOAT, "How far to trust the feed, 0 to 100."),
    Column("feed.code", TEXT, "Code of the feed declaration: shadowserver-scan-rdp."),
    Column("feed.documentation", TEXT, "Where the feed is described."),
    Column("feed.name", TEXT, "Name of the feed, for people."),
    Column("feed.provider", TEXT, "Who provides the feed."),
    Column("feed.url", TEXT, "Where the feed was fetched."),
    Column("malware.hash.md5", TEXT, "MD5 of the sample, lower-case hex."),
    Column("malware.hash.sha1", TEXT, "SHA-1 of the sample, lower-case hex."),
    Column("malware.hash.sha256", TEXT, "SHA-256 of the sample, lower-case hex."),
    Column("malware.name", TEXT, "Malware name, lower case."),
    Column("malware.version", TEXT, "Malware version."),
    Column("misp.attribute_uuid", TEXT, "UUID of the MISP attribute."),
    Column("misp.event_uuid", TEXT, "UUID of the MISP event."),
    Column("output", TEXT, "Event data converted for an output, as IntelMQ wrote it."),
    Column("product.full_name", TEXT, "Product with vendor and version."),
    Column("product.name", TEXT, "Product."),
    Column("product.vendor", TEXT, "Vendor."),
    Column("product.version", TEXT, "Version."),
    Column("product.vulnerabilities", TEXT, "CVE identifiers, separated by commas."),
    Column("protocol.application", TEXT, "Application protocol, lower case: rdp, http."),
    Column("protocol.transport", TEXT, "Transport protocol, lower case: tcp, udp."),
    Column("raw", TEXT, "Original text, base64, only when another system handed it over."),
    Column("rtir_id", INT, "Ticket number in RTIR."),
    Column("screenshot_url", TEXT, "Where a screenshot is."),
    Column("severity", TEXT, "critical, high, medium, low, info or undefined."),
    *_end("source"),
    Column("status", TEXT, "State of the thing, as the feed says: online, offline."),
    Column("time.observation", TIME, "When this node received the event."),
    Column("time.source", TIME, "When it happened, as the feed says."),
    Column("tlp", TEXT, "Marking: clear, green, amber, amber+strict or red."),
    Column("key", INT, "64-bit hash of the whole observation: equal keys are one event.", own=True),
    Column("finding", INT, "64-bit stable hash of what the owner has to fix.", own=True),
    Column("day", pl.Date(), "Day of time.source in UTC: the partition.", own=True),
    Column("state", TEXT, "The state whose team received the event, ISO 3166-1 alpha-2.", own=True),
    Column("owner", TEXT, "UUID of the organisation with the most specific claim.", own=True),
    Column("owners", pl.List(pl.String()), "UUIDs of all organisations with a claim, most specific first.", own=True),
    Column("owner_by", TEXT, "The network that decided: 192.0.2.0/24, AS64500 or example.org.", own=True),
    Column("rule", TEXT, "Code of the rule of the node that decided on the event.", own=True),
    Column("rule.before", TEXT, "What that rule changed, as it came: one JSON object, field -> value.", own=True),
    Column("source.ip_key", INT, "Sort key of source.ip: IPv4 as a number; upper 64 bits of IPv6, two's complement.", own=True),
    Column("filled", TEXT, "Fields that the feed left empty and this node filled, each with the kind of its reference file.", own=True),
    Column("raw.file", TEXT, "SHA-256 of the file the event came in.", own=True),
    Column("raw.row", INT, "Row number in that file, the header being row 0.", own=True),
    Column("pseudonym", TEXT, "Which month's key made its pseudonyms; empty in an event as it came.", own=True),
)  # fmt: skip

BY_FIELD: dict[str, Column] = {column.field: column for column in COLUMNS}
BY_NAME: dict[str, Column] = {column.name: column for column in COLUMNS}

SEVERITIES: tuple[str, ...] = ("undefined", "info", "low", "medium", "high", "critical")
"""Severity names; the index is the rank that `Finding.severity` holds."""


def polars_schema() -> dict[str, pl.DataType]:
    """Column names and types of the event table, in order."""
    return {column.name: column.dtype for column in COLUMNS}


def empty() -> pl.DataFrame:
    """An event table with no rows."""
    return pl.DataFrame(schema=polars_schema())


def field_of(name: str) -> str:
    """IDF field of a column name. Raises KeyError for an unknown one."""
    return BY_NAME[name].field


def name_of(field: str) -> str:
    """Column name of an IDF field. Raises KeyError for an unknown one."""
    return BY_FIELD[field].name
