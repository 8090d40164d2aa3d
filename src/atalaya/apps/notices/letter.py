"""From a notice to the bytes of its message: rows, words, gate, key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, formataddr
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from atalaya.apps.events import own_feeds
from atalaya.apps.events.models import Finding, Rule
from atalaya.apps.notices import compose, keys, routing
from atalaya.apps.notices.models import Notice, NoticeFinding
from atalaya.apps.notices.rows import Rows, Since, rows_of
from atalaya.apps.notices.wording import wording
from atalaya.apps.registry.models import Certificate, Contact, Team
from atalaya.core import marking
from atalaya.core.crypto import openpgp
from atalaya.core.marking import Audience, Decision, Kind
from atalaya.wire import mime, smtp

Protection = Notice.Protection


@dataclass(frozen=True)
class Written:
    """A notice put into words, and what it was put together from."""

    facts: compose.Facts
    subject: str
    body: str
    rows: Rows
    tlp: str
    gate: Decision
    findings: Sequence[tuple[NoticeFinding, Finding]]


def write(notice: Notice, contact: Contact | None) -> Written | None:
    """Put a notice into words as things stand now. None when nothing is left to tell: its findings are solved, gone
    or no longer this organisation's."""
    findings = findings_of(notice)
    if not findings:
        return None
    most = settings.CONFIG.notices.rows
    rows = rows_of(notice.state_id, notice.organisation_id, notice.type, _since(findings), most=most)
    tlp = _marking(rows, findings)
    rule = routing.rule_of(notice)
    elsewhere = routing.is_elsewhere(notice, contact, rule)
    kind = Kind.NAMED if notice.source_agrees else Kind.CLIENT if elsewhere else Kind.OWNER
    facts = _facts(notice, contact, rule, findings, rows, tlp)
    words = wording(contact.language if contact else notice.language)
    return Written(
        facts=facts,
        subject=compose.subject(words, facts),
        body=compose.body(words, facts),
        rows=rows,
        tlp=marking.parse(tlp),
        gate=marking.may_leave(tlp, Audience(kind, needs_to_know=True)),
        findings=findings,
    )


def findings_of(notice: Notice) -> list[tuple[NoticeFinding, Finding]]:
    """The findings that a notice still has to tell, with its note on each."""
    items = {item.finding_key: item for item in notice.items.all()}
    alive = (Finding.Status.OPEN, Finding.Status.BACK)
    return [
        (items[finding.key], finding)
        for part in parts(sorted(items))
        for finding in Finding.objects.filter(
            key__in=part, status__in=alive, organisation=notice.organisation_id
        )
    ]


PART = 500
"""Keys in one query: SQLite bounds the number of values."""


def parts(keys: Sequence[int]) -> list[Sequence[int]]:
    """The keys in slices that one query takes."""
    return [keys[at : at + PART] for at in range(0, len(keys), PART)]


def _since(findings: Sequence[tuple[NoticeFinding, Finding]]) -> dict[int, Since]:
    return {
        finding.key: Since(item.told_before or finding.first_seen, item.told_before, finding.address)
        for item, finding in findings
    }


def _marking(rows: Rows, findings: Sequence[tuple[NoticeFinding, Finding]]) -> str:
    """The strictest marking of the rows as it stands there; a row without one has that of its feed, or else ""."""
    own = [tlp for tlp in rows.markings if tlp]
    if len(own) < len(rows.markings) or not own:
        codes = rows.feeds or {finding.feed for _item, finding in findings}
        declared = [own_feeds.of_any_state(code) for code in sorted(codes)]
        own += [feed.tlp if feed else "" for feed in declared] or [""]
    return max(own, key=lambda tlp: marking.TLP.index(marking.parse(tlp)))


def _facts(
    notice: Notice,
    contact: Contact | None,
    rule: Rule | None,
    findings: Sequence[tuple[NoticeFinding, Finding]],
    rows: Rows,
    tlp: str,
) -> compose.Facts:
    team = keys.own_team(notice.state_id)
    name = team.name if team else settings.CONFIG.node.name
    return compose.Facts(
        token=notice.reply_token,
        tlp=marking.parse(tlp),
        team=name,
        organisation=notice.organisation.name,
        contact=contact.name if contact else "",
        why=why(contact, rule) if contact else "",
        zone=contact.timezone if contact else settings.CONFIG.node.timezone,
        findings=[compose.Told(finding, item.change) for item, finding in findings],
        file=file_name(notice),
        rows=rows.table.height,
        total=rows.total,
        fingerprint=fingerprint(notice.state_id),
        key_url=key_url(notice.state_id),
        encrypted=_certificate(notice, contact) is not None,
        signature=_signature(name, team),
    )


def _signature(name: str, team: Team | None) -> list[str]:
    mail = settings.CONFIG.mail
    address = mail.reply_to or mail.sender or (team.email if team else "")
    return [
        name,
        *([team.phone, team.emergency_phone] if team else []),
        address,
        team.website if team else "",
    ]


def file_name(notice: Notice) -> str:
    """Name of the attached rows."""
    return f"{notice.reply_token}-{notice.type}.csv"


def fingerprint(state: str) -> str:
    """Fingerprint of the team's key, upper-case hex."""
    return openpgp.inspect(keys.public_key(state), at=timezone.now()).fingerprint


def key_url(state: str) -> str:
    """Where anybody finds the team's public key."""
    return f"{settings.CONFIG.url}/notices/keys/{state.lower()}.asc"


def _certificate(notice: Notice, contact: Contact | None) -> Certificate | None:
    """The certificate to encrypt to, or None when the notice goes signed only."""
    if contact is None or contact.certificate is None or notice.plain_agreed:
        return None
    return contact.certificate


def seal(notice: Notice, contact: Contact, written: Written, *, at: datetime) -> tuple[bytes, str]:
    """The bytes of the message, and their `Notice.Protection`.

    Raises openpgp.CannotEncrypt when the contact's certificate is expired, revoked or unusable at the moment `at`.
    """
    secret = keys.secret_key(notice.state_id)
    letter = mime.Letter(
        headers=_headers(notice, contact, written, at),
        text=written.body,
        attachments=[
            mime.Attachment(file_name(notice), "text/csv", written.rows.csv()),
            mime.Attachment(
                "public-key.asc", "application/pgp-keys", keys.public_key(notice.state_id).encode()
            ),
        ],
        outer_subject=wording(contact.language).say(
            "subject_hidden", token=notice.reply_token, team=written.facts.team
        ),
        boundary=f"atalaya-{notice.pk.hex}",
    )
    if certificate := _certificate(notice, contact):

        def encrypt(data: bytes) -> bytes:
            return openpgp.encrypt(data, [certificate.armored], secret, at=at)

        return mime.encrypted(letter, encrypt=encrypt), Protection.ENCRYPTED

    def sign(data: bytes) -> str:
        return openpgp.sign_detached(data, secret)

    return mime.signed(letter, sign=sign, micalg=openpgp.micalg), Protection.SIGNED


def _headers(notice: Notice, contact: Contact, written: Written, at: datetime) -> list[tuple[str, str]]:
    mail = settings.CONFIG.mail
    return [
        ("From", formataddr((written.facts.team, mail.sender))),
        ("To", formataddr((contact.name, smtp.envelope_address(contact.email)))),
        ("Reply-To", mail.reply_to or mail.sender),
        ("Subject", written.subject),
        ("Date", format_datetime(at)),
        ("Message-ID", notice.message_id),
        ("Auto-Submitted", "auto-generated"),
        ("Content-Language", contact.language),
    ]


WHY_CHARS = 800
"""Room for the sentence that every contact gets, and for a rule's reason."""


def why(contact: Contact, rule: Rule | None = None) -> str:
    """Why this contact is told, in their language; and the reason of the rule that chose them, if one did."""
    words = wording(contact.language)
    told = words.say("why", role=words.role(contact.role), organisation=contact.organisation.name)
    if rule and (rule.tell_id or rule.role):
        told = f"{told} {words.say('why_rule', reason=rule.reason)}"
    return told[:WHY_CHARS]


def message_id(notice_id: UUID) -> str:
    """The same for a notice whenever it is asked, so that a receiver sees a second copy for what it is."""
    mail = settings.CONFIG.mail
    domain = mail.sender.rpartition("@")[2] or urlsplit(settings.CONFIG.url).hostname or "localhost"
    return f"<{notice_id}@{domain}>"
