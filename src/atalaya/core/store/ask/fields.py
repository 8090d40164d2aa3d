"""The fields that a question may name: what they are called, what they look at, and what values they take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from atalaya.core.marking import TLP
from atalaya.core.schema.columns import SEVERITIES

Kind = Literal[
    "network",
    "domain",
    "number",
    "ranked",
    "code",
    "text",
    "cve",
    "owner",
    "registry",
    "meaning",
    "since",
    "until",
]
"""network: an address or prefix. domain: a name and all below it. number: whole, with ranges. ranked: a severity.
code: lower-case text. text: any text, upper and lower case alike. owner: an organisation. registry: what the registry
says of the owner. cve: a vulnerability, of which one text may name several. meaning: stands for other fields (see
`resolving.Stand`). since, until: a time."""


@dataclass(frozen=True)
class Field:
    """One field: its name, other names for it, the columns of which any may have the value, the highest number, and
    the values that there are where no others exist."""

    name: str
    kind: Kind
    columns: tuple[str, ...]
    also: tuple[str, ...] = ()
    most: int = 0
    values: tuple[str, ...] = ()


FIELDS: tuple[Field, ...] = (
    Field("ip", "network", ("source_ip",), ("address", "addr", "net", "prefix", "network")),
    Field("domain", "domain", ("source_fqdn",), ("fqdn", "host")),
    Field("asn", "number", ("source_asn",), ("as",), 2**32 - 1),
    Field("port", "number", ("source_port",), (), 65_535),
    Field("org", "owner", ("owners",), ("organisation", "organization", "owner")),
    Field("sector", "registry", ("owner",)),
    Field("critical", "registry", ("owner",), (), 0, ("yes", "no")),
    Field("class", "code", ("classification_type",), ("type",)),
    Field("taxonomy", "code", ("classification_taxonomy",)),
    Field("identifier", "code", ("classification_identifier",), ("id",)),
    Field("feed", "code", ("feed_code",)),
    Field("severity", "ranked", ("severity",), ("sev",), 0, SEVERITIES),
    Field("malware", "code", ("malware_name",), ("family",)),
    Field("hash", "code", ("malware_hash_md5", "malware_hash_sha1", "malware_hash_sha256")),
    Field("product", "text", ("product_name", "product_full_name", "product_vendor")),
    Field("cve", "cve", ("product_vulnerabilities", "classification_identifier")),
    Field("kev", "meaning", (), (), 0, ("yes", "no")),
    Field("attack", "meaning", (), ("technique", "mitre")),
    Field("protocol", "code", ("protocol_application", "protocol_transport"), ("proto",)),
    Field("country", "text", ("source_geolocation_cc",), ("cc",)),
    Field("city", "text", ("source_geolocation_city",)),
    Field("url", "text", ("source_url",)),
    Field("account", "text", ("source_account",), ("email",)),
    Field("reverse", "domain", ("source_reverse_dns",), ("ptr",)),
    Field("dst", "text", ("destination_ip", "destination_fqdn"), ("destination",)),
    Field("dport", "number", ("destination_port",), (), 65_535),
    Field("tlp", "code", ("tlp",), (), 0, TLP),
    Field("status", "code", ("status",)),
    Field("finding", "number", ("finding",), (), 2**63 - 1),
    Field("file", "code", ("raw_file",)),
    Field("rule", "code", ("rule",)),
    Field("since", "since", ("time_source",), ("from", "after")),
    Field("until", "until", ("time_source",), ("to", "before")),
)

BY_NAME: dict[str, Field] = {name: field for field in FIELDS for name in (field.name, *field.also)}
"""Every field by each of its names."""

WORDS_IN: tuple[str, ...] = (
    "source_fqdn", "source_reverse_dns", "source_url", "source_account", "classification_type",
    "classification_identifier", "malware_name", "product_full_name", "product_name", "protocol_application",
    "event_description_text", "destination_fqdn", "feed_name",
)  # fmt: skip
"""Columns in which a word without a field is looked for."""
