"""The main job on real input: Shadowserver's own samples go in, and mails that gpg can read come out in four languages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone
from tests.apps.notices.conftest import Take, contact
from tests.apps.notices.gnupg import Gpg, gpg, parse, signed_parts
from tests.wire.postbox import Postbox
from tests.world import World

from atalaya.apps.events.models import Finding
from atalaya.apps.notices import actions, keys, queries, timing
from atalaya.apps.notices.models import Notice
from atalaya.apps.notices.wording import wording
from atalaya.apps.registry import actions as registry
from atalaya.apps.registry.models import Network, Organisation
from atalaya.core.crypto import openpgp

pytestmark = pytest.mark.mail
LEAST = settings.CONFIG.notices.least_severity
SAMPLES = sorted((Path(__file__).parents[4] / "shared/data/shadowserver/samples").glob("*.csv"))
OWNERS = {
    "en": ("192.168.0.0/16",),
    "es": ("198.0.0.0/8", "2000::/3"),
    "fr": ("203.0.113.0/24", "128.0.0.0/2"),
    "pt-br": ("0.0.0.0/1", "192.0.0.0/3"),
}
"""An owner for each language, and all addresses of the samples between them."""


@pytest.fixture
def ring() -> Iterator[Gpg]:
    with gpg() as ring:
        yield ring


@pytest.fixture
def owners(world: World, ring: Gpg) -> dict[str, Organisation]:
    """One organisation for each language. The Spanish one has a certificate."""
    found = {}
    for language, prefixes in OWNERS.items():
        owner = Organisation.objects.create(state=world.state, name=f"Owner {language}", critical=True)
        person = contact(owner, f"noc@{language}.example", language)
        for prefix in prefixes:
            Network.objects.create(organisation=owner, kind="prefix", value=prefix)
        found[language] = owner
        if language == "es":
            person.certificate = registry.save_certificate(ring.make(f"<{person.email}>"), by=None)
            person.save()
    return found


@pytest.mark.skipif(not SAMPLES, reason="the sample reports are not here")
def test_it_tells_the_owners_of_the_samples_in_their_languages(
    owners: dict[str, Organisation], take: Take, box: Postbox, ring: Gpg
) -> None:
    told = 0
    for sample in SAMPLES:
        ingest = take(sample.read_bytes(), name=sample.name)
        told += actions.collect(ingest.pk) if ingest.status == ingest.Status.DONE else 0
    Notice.objects.update(send_after=timezone.now())
    for notice in queries.due():
        actions.deliver(notice.pk)

    grave = [finding for finding in Finding.objects.all() if timing.is_grave_enough(finding.severity, LEAST)]
    assert {finding.organisation for finding in grave} == set(owners.values())
    assert told == len(grave) > 250
    sent = Notice.objects.filter(status=Notice.Status.SENT)
    assert len(box.accepted) == sent.count() == Notice.objects.count()
    assert {notice.language for notice in sent} == set(OWNERS)
    assert sum(notice.items.count() for notice in sent) == told
    ring.take(keys.public_key("TT"))
    for data in box.accepted:
        assert_reads(data, ring)


def assert_reads(data: bytes, ring: Gpg) -> None:
    """The mail is for one of the owners, gpg takes our signature, and the text is the one for its class and language."""
    notice = Notice.objects.get(message_id=parse(data)["Message-ID"])
    if notice.language == "es":
        assert notice.protection == Notice.Protection.ENCRYPTED
        payload = parse(data).get_payload(1).get_payload(decode=True)
        inner, said = ring.decrypt(payload)
    else:
        inner, seal = signed_parts(data)
        said = ring.verify(inner, seal)
    fingerprint = openpgp.inspect(keys.public_key("TT"), at=timezone.now()).fingerprint
    assert any("VALIDSIG " in one and one.endswith(fingerprint) for one in said.splitlines())
    body = parse(inner).get_body()
    assert body is not None
    flat, words = " ".join(body.get_content().split()), wording(notice.language)
    assert words.say("reply", token=notice.reply_token) in flat
    assert words.say("why", role=words.role("security"), organisation=f"Owner {notice.language}") in flat
