"""What people call what was done. A record's verb is a code that never changes; these are the words for it."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

APPS: dict[str, Promise] = {
    "events": _("Files and findings"),
    "collection": _("Sources"),
    "notices": _("Notices"),
    "portal": _("Owners' pages"),
    "registry": _("Registry"),
    "people": _("People"),
    "jobs": _("Background work"),
    "ownership": _("Owners of the past"),
    "reference": _("Reference files"),
    "warning": _("Early warning"),
    "retention": _("Retention"),
}
"""What the first part of a verb stands for, in the order in which the choice of verbs is shown."""

WORDS: dict[str, Promise] = {
    "collection.source.added": _("Source added"),
    "collection.source.asked": _("Source to be fetched at once"),
    "collection.source.changed": _("Source changed"),
    "collection.source.paused": _("Source paused"),
    "collection.source.removed": _("Source removed"),
    "collection.source.resumed": _("Source goes on"),
    "collection.source.turned": _("Source turned good, failing or silent"),
    "events.feed.removed": _("Own feed removed"),
    "events.feed.saved": _("Own feed saved"),
    "events.file.failed": _("File could not be read"),
    "events.file.processed": _("File read"),
    "events.file.received": _("File received"),
    "events.file.rejects_seen": _("Rejected rows looked at"),
    "events.file.tried_again": _("File to be read again"),
    "events.files.forgotten": _("Old files forgotten"),
    "events.findings.attributed": _("Findings given to their owners again"),
    "events.findings.filled": _("Earlier findings given their vulnerabilities"),
    "events.findings.gone": _("Findings closed as gone"),
    "events.rule.added": _("Rule added"),
    "events.rule.changed": _("Rule changed"),
    "events.rule.moved": _("Rule moved"),
    "events.rule.removed": _("Rule removed"),
    "events.rules.replaced": _("Rules replaced by a file"),
    "events.question.answered": _("Kept question answered by new events"),
    "events.question.changed": _("Kept question changed"),
    "events.question.kept": _("Question kept"),
    "events.question.removed": _("Kept question removed"),
    "ownership.accepted": _("Owners of the past accepted"),
    "ownership.done": _("Owners of the past changed"),
    "ownership.left": _("Owners of the past left as they were"),
    "ownership.planned": _("Owners of the past planned"),
    "events.findings.mark_ended": _("Owner's word ended"),
    "events.findings.marked": _("Findings marked by their owner"),
    "events.findings.seen_again": _("Findings said to be solved seen again"),
    "events.mark.answered": _("Owner's word answered"),
    "events.mark.taken_back": _("Owner's word taken back"),
    "jobs.job.discarded": _("Work discarded"),
    "jobs.job.retried": _("Work tried again"),
    "notices.findings.gathered": _("Findings gathered into notices"),
    "notices.notice.dropped": _("Notice dropped: nothing left to say"),
    "notices.notice.failed": _("Notice not delivered"),
    "notices.notice.handed_on": _("Notice handed on to new contacts"),
    "notices.notice.hastened": _("Notice to be sent at once"),
    "notices.notice.held": _("Notice held back"),
    "notices.notice.released": _("Notice released"),
    "notices.notice.sent": _("Notice sent"),
    "notices.notice.sent_again": _("Notice to be sent again"),
    "notices.notice.written": _("Notice written"),
    "people.factor.added": _("Second factor added"),
    "people.factor.all_removed": _("All second factors removed"),
    "people.factor.refused": _("Wrong code for a second factor"),
    "people.factor.removed": _("Second factor removed"),
    "people.factor.renewed": _("New recovery codes made"),
    "people.password.changed": _("Password changed"),
    "people.password.reset": _("One-time password given"),
    "people.session.ended": _("Session ended"),
    "people.sign_in.closed": _("Sign-in to a closed account refused"),
    "people.sign_in.done": _("Signed in"),
    "people.sign_in.failed": _("Sign-in failed"),
    "people.sign_in.locked": _("Sign-in locked after too many attempts"),
    "people.sign_out.done": _("Signed out"),
    "people.token.added": _("API token made"),
    "people.token.revoked": _("API token revoked"),
    "people.user.added": _("Account added"),
    "people.user.changed": _("Account changed"),
    "people.user.closed": _("Account closed"),
    "people.user.opened": _("Account opened again"),
    "portal.proposal.accepted": _("Proposed change applied"),
    "portal.proposal.made": _("Change proposed"),
    "portal.proposal.refused": _("Proposed change refused"),
    "portal.proposal.withdrawn": _("Proposed change taken back"),
    "portal.webhook.added": _("Webhook added"),
    "portal.webhook.removed": _("Webhook removed"),
    "portal.webhook.renewed": _("New secret of a webhook made"),
    "portal.webhook.told": _("Webhook told of changes"),
    "portal.webhook.tried": _("Webhook tried"),
    "reference.file.failed": _("Reference file refused"),
    "reference.file.loaded": _("Reference file loaded"),
    "reference.file.removed": _("Reference file removed"),
    "reference.file.used": _("Reference file in use"),
    "registry.certificate.added": _("OpenPGP key added"),
    "registry.certificate.changed": _("OpenPGP key changed"),
    "registry.certificate.removed": _("OpenPGP key removed"),
    "registry.contact.added": _("Contact added"),
    "registry.contact.changed": _("Contact changed"),
    "registry.contact.removed": _("Contact removed"),
    "registry.import.applied": _("Import applied"),
    "registry.membership.added": _("Membership added"),
    "registry.membership.removed": _("Membership removed"),
    "registry.network.added": _("Network added"),
    "registry.network.changed": _("Network changed"),
    "registry.network.removed": _("Network removed"),
    "registry.organisation.added": _("Organisation added"),
    "registry.organisation.changed": _("Organisation changed"),
    "registry.organisation.removed": _("Organisation removed"),
    "registry.team.added": _("Team added"),
    "registry.team.changed": _("Team changed"),
    "registry.team.removed": _("Team removed"),
    "retention.hold.ended": _("Held back no more"),
    "retention.hold.made": _("Held back from retention"),
    "retention.policy.applied": _("Rules of retention applied"),
    "retention.policy.paused": _("Rules of retention paused"),
    "retention.rule.removed": _("Rule of retention removed"),
    "retention.rule.saved": _("Rule of retention saved"),
    "retention.rules.suggested": _("Suggested rules of retention taken"),
    "retention.run.asked": _("Asked what retention would do"),
    "retention.run.begun": _("Run of retention begun"),
    "retention.run.committed": _("Events removed by retention"),
    "retention.run.done": _("Run of retention done, with its statement"),
    "retention.run.looked": _("Looked what retention would do"),
    "warning.alarm.judged": _("Alarm judged"),
    "warning.alarm.seen": _("Alarm looked at"),
    "warning.alarms.raised": _("Alarms raised"),
    "warning.mute.ended": _("Mute ended"),
    "warning.mute.made": _("Alarms muted"),
}


def words_for(verb: str) -> str:
    """The words for this verb; the verb itself where there are none."""
    return str(WORDS.get(verb, verb))


def verbs_like(text: str) -> list[str]:
    """The verbs whose words, in the reader's language, hold this text."""
    return [verb for verb, words in WORDS.items() if text.casefold() in str(words).casefold()]


def choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Every verb under the name of its app, sorted by its words in the reader's language."""
    return [
        (
            str(name),
            sorted(
                ((verb, str(words)) for verb, words in WORDS.items() if verb.startswith(f"{app}.")),
                key=lambda one: one[1].casefold(),
            ),
        )
        for app, name in APPS.items()
    ]
