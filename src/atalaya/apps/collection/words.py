"""What a fetch says of itself, in the reader's language. The wire knows no translations: its messages are kept as it wrote them."""

from __future__ import annotations

import re
from functools import cache

from django.utils.translation import gettext, gettext_noop

SENTENCES: tuple[str, ...] = (
    gettext_noop("{host} answers {status}."),
    gettext_noop("{host} answers {status} {answer}."),
    gettext_noop("{host} does not answer at port {port}: {error}."),
    gettext_noop("{host} does not answer in time."),
    gettext_noop("{host} does not answer: {error}."),
    gettext_noop("The name {host} is not found: {error}."),
    gettext_noop("Check the address, and the node's DNS."),
    gettext_noop("{host} is at a private address: this node does not connect there."),
    gettext_noop("An operator can name it in [collection] private."),
    gettext_noop("The certificate of {host} is not valid: {error}."),
    gettext_noop("Name its authority in [collection] ca_file if it is a private one."),
    gettext_noop("Check the credentials."),
    gettext_noop("Check the address."),
    gettext_noop("This is no address of the web."),
    gettext_noop("It begins with https:// or http://."),
    gettext_noop("The address holds a name or password."),
    gettext_noop("Give them as credentials instead."),
    gettext_noop("The answer unpacks to more than {bytes} bytes."),
    gettext_noop("What arrived cannot be unpacked."),
    gettext_noop("The server does not go on where it left off."),
    gettext_noop("The server packs its answer as {encoding}, which was not asked for."),
    gettext_noop("The answer has more than {bytes} bytes."),
    gettext_noop("Is it the right address?"),
    gettext_noop("The download takes too long; it goes on the next time."),
    gettext_noop("The line broke after {came} of {wanted} bytes."),
    gettext_noop("The line broke: {error}."),
    gettext_noop("{host} leads what we send to another host."),
    gettext_noop("{host} leads to an address without TLS."),
    gettext_noop("{host} leads on more than {times} times."),
    gettext_noop("The address or a header field has signs that may not stand there."),
    gettext_noop("There are more than {pages} pages."),
    gettext_noop("Ask for larger ones."),
    gettext_noop("The field {name} of the answer is no list."),
    gettext_noop("Name the field with the rows."),
    gettext_noop("The next page is at another host."),
    gettext_noop("Make a source of its own for that host."),
    gettext_noop("The answer is not JSON."),
    gettext_noop("Check address and paging."),
    gettext_noop("Shadowserver gives no list of reports."),
    gettext_noop("Check key and secret."),
    gettext_noop("Shadowserver names a report without an identifier or a file."),
    gettext_noop("Shadowserver's answer is not JSON."),
    gettext_noop("The collection has more than {pages} pages."),
    gettext_noop("Ask its server for larger ones."),
    gettext_noop("The server's answer is no envelope."),
    gettext_noop("Is it a TAXII 2.1 collection?"),
    gettext_noop("The server says that there is more, and not how to ask for it."),
    gettext_noop("The server's answer is not JSON."),
    gettext_noop("The manifest is no JSON object."),
    gettext_noop("Is this the folder of a MISP feed?"),
    gettext_noop("The manifest is not JSON."),
    gettext_noop("{host} does not accept user and password."),
    gettext_noop("The line to {host} broke: {error}."),
    gettext_noop("{host} refuses: {error}."),
    gettext_noop("The mail server does not open the folder {folder}: {error}"),
    gettext_noop("The mail server does not look for mails: {error}"),
    gettext_noop("The mail server does not fetch a mail: {error}"),
    gettext_noop("The mail server does not mark a mail: {error}"),
    gettext_noop("The mail server does not move a mail to {folder}: {error}"),
    gettext_noop("The mail server does not remove a mail that was copied: {error}"),
    gettext_noop("A mail is larger than {bytes} bytes: take it out of the folder."),
    gettext_noop("A mail cannot be taken apart: look at it in the folder."),
    gettext_noop("The address does not say {place}."),
    gettext_noop("Write it where the key belongs."),
    gettext_noop("The process ended in the middle of this fetch. The next one went on."),
    gettext_noop("The node could not write: {error}."),
    gettext_noop("Another process fetches this source now."),
    gettext_noop("Wait for it to end."),
    gettext_noop("This fetch took too long, and another process took over."),
    gettext_noop("The file {path} named by [collection] ca_file cannot be read: {error}."),
)
"""Every sentence of the wire that a source's page can show, the closer one first; a test holds them against the wire."""


def told(message: str) -> str:
    """A kept message, sentence by sentence; what is not one of ours (a server's own words) stays as it is."""
    said, rest = [], message
    while rest:
        sentence, rest = _first(rest)
        said.append(sentence)
    return " ".join(said)


def _first(text: str) -> tuple[str, str]:
    """The first sentence of a text in the reader's language, and what follows."""
    for template in SENTENCES:
        if found := _pattern(template).match(text):
            return gettext(template).format(**found.groupdict()), text[found.end() :]
    own, _, rest = text.partition(". ")
    return (f"{own}." if rest else own), rest


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    words = (re.escape(part) if i % 2 == 0 else f"(?P<{part}>{_any(part)})" for i, part in enumerate(parts))
    end = "(?: |$)" if template[-1] in ".?" else "$"
    return re.compile("".join(words) + end, re.DOTALL)


def _any(name: str) -> str:
    """What can stand in a place: a host's name and a number are one word."""
    return r".+?" if name in ("error", "answer", "path", "folder") else r"\S+?"
