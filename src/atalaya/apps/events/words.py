"""Sentences of the engine in the reader's language. The engine knows no translations: it speaks in templates."""

from __future__ import annotations

from django.utils.translation import gettext, gettext_noop

from atalaya.core.errors import BadInput
from atalaya.core.formats import reasons
from atalaya.core.store.ask.problem import Problem

REASONS: tuple[str, ...] = (
    gettext_noop("The row is not UTF-8 text."),
    gettext_noop("The row has a NUL byte."),
    gettext_noop("The row is longer than {limit} bytes."),
    gettext_noop("A cell is longer than {limit} characters."),
    gettext_noop("The row has {cells} cells and the header {columns}."),
    gettext_noop("A quotation mark is opened and not closed."),
    gettext_noop("The row has a carriage return outside quotation marks."),
    gettext_noop("The file ends too early: what comes after is lost."),
    gettext_noop("The row is not a JSON object."),
    gettext_noop("The JSON object is nested too deeply."),
    gettext_noop("The row is not a CEF record."),
    gettext_noop("The record has more values than a row may have."),
    gettext_noop("The row has no value here, and the feed needs one."),
    gettext_noop("The value is not a time in a form that this feed uses."),
    gettext_noop("The value is not an IP address."),
    gettext_noop("The value is not a network in CIDR form."),
    gettext_noop("The value is not a number."),
    gettext_noop("The value is not of the kind that this field holds."),
    gettext_noop("An attribute of the kind {kind} cannot be an event."),
    gettext_noop("This pattern is not read: only equal values, with OR between them."),
    gettext_noop("The indicator was revoked."),
    gettext_noop("Dropped by the rule {rule}: {why}"),
    gettext_noop("The time is before 1990."),
    gettext_noop("The time is more than two days in the future."),
)
"""Every template of `core.formats.reasons` and `core.pipeline.times`, marked for translation; a test holds the two lists together."""

PROBLEMS: tuple[str, ...] = (
    gettext_noop("The question is longer than {limit} characters."),
    gettext_noop("The question has more than {limit} terms."),
    gettext_noop("The question is nested more than {limit} deep."),
    gettext_noop("A quotation mark is opened and not closed."),
    gettext_noop("A parenthesis is opened and not closed."),
    gettext_noop("A parenthesis is closed and was not opened."),
    gettext_noop("Something is missing after {word}."),
    gettext_noop("There is no field {word}."),
    gettext_noop("{field} takes one value."),
    gettext_noop("{word} is not an address or a prefix."),
    gettext_noop("{word} is not a number that {field} can have."),
    gettext_noop("{word} is not a time: write 7d, 12h, 2026-11-05 or 2026-11-05T14:30."),
    gettext_noop("{word} is not a value of {field}."),
    gettext_noop("There is no organisation {word}."),
    gettext_noop("A rule cannot ask for {field}."),
    gettext_noop("No catalogue of known exploited vulnerabilities is loaded."),
)
"""Every template of `core.store.ask.problem`, marked for translation; a test holds the two lists together."""

MEANINGS: tuple[str, ...] = (
    gettext_noop("What exactly, in lower case: open-rdp, avalanche-andromeda."),
    gettext_noop("RSIT top level: vulnerable, malicious-code ..."),
    gettext_noop("RSIT class: vulnerable-system, infected-system ..."),
    gettext_noop("Free text about the event."),
    gettext_noop("Constituency, as the feed says."),
    gettext_noop("Abuse address for the machine at the other end, as the feed says."),
    gettext_noop("Account name or e-mail address."),
    gettext_noop("When the address block was allocated."),
    gettext_noop("Name of the autonomous system."),
    gettext_noop("Autonomous system number."),
    gettext_noop("Public suffix of the domain."),
    gettext_noop("Domain name, lower case, A-labels, without a final dot."),
    gettext_noop("Country, ISO 3166-1 alpha-2, as the feed says."),
    gettext_noop("City, as the feed says."),
    gettext_noop("Country name, as the feed says."),
    gettext_noop("Degrees north."),
    gettext_noop("Degrees east."),
    gettext_noop("Region, as the feed says."),
    gettext_noop("State or province, as the feed says."),
    gettext_noop("IPv4 or IPv6 address of the machine at the other end, canonical text."),
    gettext_noop("Host name inside the network."),
    gettext_noop("Address inside the network."),
    gettext_noop("CIDR prefix, as the feed says."),
    gettext_noop("Port, 0 to 65535."),
    gettext_noop("Regional internet registry of the address."),
    gettext_noop("Name found by reverse look-up."),
    gettext_noop("Whether the address is a Tor node."),
    gettext_noop("URL."),
    gettext_noop("Path of the URL."),
    gettext_noop("What was aimed at."),
    gettext_noop("Description of the event."),
    gettext_noop("Where the event is described."),
    gettext_noop("Hash of the event, as the feed says."),
    gettext_noop("How far to trust the feed, 0 to 100."),
    gettext_noop("Code of the feed declaration: shadowserver-scan-rdp."),
    gettext_noop("Where the feed is described."),
    gettext_noop("Name of the feed, for people."),
    gettext_noop("Who provides the feed."),
    gettext_noop("Where the feed was fetched."),
    gettext_noop("MD5 of the sample, lower-case hex."),
    gettext_noop("SHA-1 of the sample, lower-case hex."),
    gettext_noop("SHA-256 of the sample, lower-case hex."),
    gettext_noop("Malware name, lower case."),
    gettext_noop("Malware version."),
    gettext_noop("UUID of the MISP attribute."),
    gettext_noop("UUID of the MISP event."),
    gettext_noop("Event data converted for an output, as IntelMQ wrote it."),
    gettext_noop("Product with vendor and version."),
    gettext_noop("Product."),
    gettext_noop("Vendor."),
    gettext_noop("Version."),
    gettext_noop("CVE identifiers, separated by commas."),
    gettext_noop("Application protocol, lower case: rdp, http."),
    gettext_noop("Transport protocol, lower case: tcp, udp."),
    gettext_noop("Ticket number in RTIR."),
    gettext_noop("Where a screenshot is."),
    gettext_noop("critical, high, medium, low, info or undefined."),
    gettext_noop("Abuse address for the machine that the event is about, as the feed says."),
    gettext_noop("IPv4 or IPv6 address of the machine that the event is about, canonical text."),
    gettext_noop("Country by Team Cymru."),
    gettext_noop("Country by GeoIP."),
    gettext_noop("State of the thing, as the feed says: online, offline."),
    gettext_noop("When this node received the event."),
    gettext_noop("When it happened, as the feed says."),
    gettext_noop("Marking: clear, green, amber, amber+strict or red."),
    gettext_noop("The state whose team received the event, ISO 3166-1 alpha-2."),
    gettext_noop("SHA-256 of the file the event came in."),
    gettext_noop("Row number in that file, the header being row 0."),
    gettext_noop("Which month's key made its pseudonyms; empty in an event as it came."),
)
"""What `core.schema` says of each field that an event's page shows; a test holds the two lists together."""


def reason(text: str) -> str:
    """Why a row was rejected, in the reader's language."""
    found = reasons.parse(text)
    if found is None:
        return gettext(text) if text in REASONS else text
    template, values = found
    return gettext(template).format(**values)


REFUSALS: tuple[str, ...] = (
    gettext_noop("The question has no beginning."),
    gettext_noop("Say since when."),
    gettext_noop("Ask for a shorter time."),
    gettext_noop("Write it as 2026-11-05."),
)


def refusal(error: BadInput) -> str:
    """A refusal whose advice is one of ours, in the reader's language."""
    what = gettext(error.what) if error.what in REFUSALS else error.what
    return f"{what} {gettext(error.advice)}" if error.advice in REFUSALS else str(error)


def problem(found: Problem) -> str:
    """What is wrong with a question, in the reader's language."""
    return gettext(found.template).format(**found.values)
