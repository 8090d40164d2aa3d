"""Who owns what, and whom to tell: states, organisations, teams, contacts, certificates, networks."""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from atalaya.apps.registry import values


class State(models.Model):
    """One of the 35 member states of the OAS. Rows come from `states.py`, by migration."""

    code = models.CharField(primary_key=True, max_length=2, help_text="ISO 3166-1 alpha-2")
    iso3 = models.CharField(max_length=3, unique=True)
    name_en = models.CharField(max_length=80)
    name_es = models.CharField(max_length=80)
    name_fr = models.CharField(max_length=80)
    name_pt = models.CharField(max_length=80)

    class Meta:
        ordering = ("name_en",)

    def __str__(self) -> str:
        return str(getattr(self, f"name_{(get_language() or 'en')[:2]}", self.name_en))


class Sector(models.TextChoices):
    """Top level of the sector list: the declaration's five, then the NIS2 sectors that add to them."""

    GOVERNMENT = "government", _("government")
    ENERGY = "energy", _("energy")
    FINANCE = "finance", _("finance")
    TRANSPORT = "transport", _("transport")
    TELECOM = "telecom", _("telecommunications")
    WATER = "water", _("water")
    HEALTH = "health", _("health")
    FOOD = "food", _("food")
    DIGITAL = "digital", _("digital services")
    EDUCATION = "education", _("education and research")
    SECURITY = "security", _("public safety and defence")
    TOURISM = "tourism", _("tourism")
    INDUSTRY = "industry", _("industry and trade")
    MEDIA = "media", _("media")
    OTHER = "other", _("other")


class Organisation(models.Model):
    """Somebody the team looks after."""

    class Kind(models.TextChoices):
        PUBLIC = "public", _("public")
        PRIVATE = "private", _("private")
        ACADEMIC = "academic", _("academic")
        CIVIL = "civil", _("civil society")
        CITIZEN = "citizen", _("citizen")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.ForeignKey(
        State, on_delete=models.PROTECT, related_name="organisations", verbose_name=_("state")
    )
    name = models.CharField(_("name"), max_length=200)
    short_name = models.CharField(_("short name"), max_length=40, blank=True)
    sector = models.CharField(_("sector"), max_length=16, choices=Sector.choices, default=Sector.OTHER)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices, default=Kind.PRIVATE)
    critical = models.BooleanField(
        _("critical"), default=False, help_text=_("Runs critical infrastructure: told at once.")
    )
    parent = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="children",
        verbose_name=_("part of"),
    )
    website = models.URLField(_("web site"), blank=True)
    note = models.TextField(_("note"), blank=True)
    active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=["state", "name"], name="organisation_name_in_state"),)

    def __str__(self) -> str:
        return self.name


class Team(models.Model):
    """A CSIRT, described by the fields of RFC 2350. The node's own team has `own`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.ForeignKey(State, on_delete=models.PROTECT, related_name="teams", verbose_name=_("state"))
    name = models.CharField(_("name of the team"), max_length=120)
    short_name = models.CharField(_("short name"), max_length=40, blank=True)
    own = models.BooleanField(_("works on this node"), default=False)
    organisation = models.ForeignKey(
        Organisation, null=True, blank=True, on_delete=models.SET_NULL, verbose_name=_("host organisation")
    )
    address = models.TextField(_("address"), blank=True)
    timezone = models.CharField(_("time zone"), max_length=40, default="UTC")
    phone = models.CharField(_("telephone"), max_length=60, blank=True)
    emergency_phone = models.CharField(_("emergency telephone"), max_length=60, blank=True)
    other_telecommunication = models.CharField(_("other telecommunication"), max_length=200, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    website = models.URLField(_("web site"), blank=True)
    certificate = models.ForeignKey(
        "Certificate",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="teams",
        verbose_name=_("public key"),
    )
    members = models.TextField(_("team members"), blank=True)
    operating_hours = models.CharField(_("operating hours"), max_length=200, blank=True)
    contact_points = models.TextField(_("points of customer contact"), blank=True)
    mission = models.TextField(_("mission statement"), blank=True)
    constituency = models.TextField(_("constituency"), blank=True)
    sponsorship = models.TextField(_("sponsorship and affiliation"), blank=True)
    authority = models.TextField(_("authority"), blank=True)
    incident_types = models.TextField(_("types of incidents and level of support"), blank=True)
    cooperation = models.TextField(_("co-operation and disclosure of information"), blank=True)
    communication = models.TextField(_("communication and authentication"), blank=True)
    services = models.TextField(_("services"), blank=True)
    reporting_forms = models.TextField(_("incident reporting forms"), blank=True)
    disclaimer = models.TextField(_("disclaimer"), blank=True)
    document_updated = models.DateField(_("date of last update"), null=True, blank=True)
    document_url = models.URLField(_("where this document may be found"), blank=True)

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=["state", "name"], name="team_name_in_state"),)

    def __str__(self) -> str:
        return self.short_name or self.name


class Membership(models.Model):
    """Why a user sees something: they work in a team (its whole state) or belong to an organisation."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.CASCADE, related_name="memberships"
    )
    organisation = models.ForeignKey(
        Organisation, null=True, blank=True, on_delete=models.CASCADE, related_name="memberships"
    )

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(team__isnull=True) ^ models.Q(organisation__isnull=True),
                name="membership_of_one_thing",
            ),
            models.UniqueConstraint(fields=["user", "team"], name="membership_team_once"),
            models.UniqueConstraint(fields=["user", "organisation"], name="membership_organisation_once"),
        )

    def __str__(self) -> str:
        return f"{self.user} in {self.team or self.organisation}"


class Certificate(models.Model):
    """An OpenPGP certificate as received, with what was read from it when it was last checked."""

    class Status(models.TextChoices):
        VALID = "valid", _("valid")
        EXPIRED = "expired", _("expired")
        REVOKED = "revoked", _("revoked")
        UNUSABLE = "unusable", _("cannot encrypt")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    fingerprint = models.CharField(max_length=64, unique=True)
    armored = models.TextField()
    user_ids = models.JSONField(default=list)
    status = models.CharField(max_length=8, choices=Status.choices)
    expires_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(default=timezone.now)
    warned_for = models.DateTimeField(
        null=True, help_text="The end of validity that was announced, so that it is announced once."
    )

    class Meta:
        ordering = ("fingerprint",)

    def __str__(self) -> str:
        return self.fingerprint

    @property
    def grouped(self) -> str:
        """The fingerprint in groups of four, as people compare it."""
        return " ".join(self.fingerprint[start : start + 4] for start in range(0, len(self.fingerprint), 4))


class Contact(models.Model):
    """A person or mailbox to tell, for one organisation."""

    class Role(models.TextChoices):
        SECURITY = "security", _("security")
        ABUSE = "abuse", _("abuse")
        TECHNICAL = "technical", _("technical")
        MANAGEMENT = "management", _("management")
        PRESS = "press", _("press")
        LEGAL = "legal", _("legal")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="contacts", verbose_name=_("organisation")
    )
    name = models.CharField(_("name"), max_length=120)
    email = models.EmailField(_("e-mail"), blank=True)
    phone = models.CharField(_("telephone"), max_length=60, blank=True)
    role = models.CharField(_("role"), max_length=12, choices=Role.choices, default=Role.SECURITY)
    language = models.CharField(_("language"), max_length=5, default="en", choices=settings.LANGUAGES)
    priority = models.PositiveSmallIntegerField(_("priority"), default=1, help_text=_("1 is told first."))
    hours = models.CharField(
        _("working hours"), max_length=60, blank=True, help_text=_("For example Mo-Fr 08:00-16:30")
    )
    timezone = models.CharField(_("time zone"), max_length=40, default="UTC")
    certificate = models.ForeignKey(
        Certificate,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="contacts",
        verbose_name=_("OpenPGP certificate"),
    )
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        ordering = ("priority", "name")
        constraints = (
            models.UniqueConstraint(
                fields=["organisation", "email", "role"],
                condition=~models.Q(email=""),
                name="contact_once_per_role",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>" if self.email else self.name


class Rank(models.CharField):  # type: ignore[type-arg]
    """The `values.rank` of a network, kept beside it: a database does not sort addresses as numbers."""

    def pre_save(self, model_instance: Any, add: bool) -> str:
        """What is written: always what the row itself says."""
        rank = values.rank(model_instance.kind, model_instance.value)
        setattr(model_instance, self.attname, rank)
        return rank


class Network(models.Model):
    """An address prefix, an AS number or a domain that belongs to an organisation for a time.

    `value` is canonical: "192.0.2.0/24", "2001:db8::/32", "AS64500" or "example.org" (lower case, A-label).
    """

    class Kind(models.TextChoices):
        PREFIX = "prefix", _("address prefix")
        ASN = "asn", _("AS number")
        DOMAIN = "domain", _("domain")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="networks", verbose_name=_("organisation")
    )
    kind = models.CharField(_("kind"), max_length=6, choices=Kind.choices)
    value = models.CharField(_("value"), max_length=253)
    valid_from = models.DateField(_("valid from"), null=True, blank=True)
    valid_to = models.DateField(_("valid to"), null=True, blank=True, help_text=_("The last day."))
    source = models.CharField(_("source"), max_length=80, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    rank = Rank(max_length=254, blank=True, default="", editable=False, db_index=True)

    class Meta:
        ordering = ("rank",)
        indexes = (models.Index(fields=["kind", "value"], name="network_value"),)
        constraints = (
            models.UniqueConstraint(
                fields=["organisation", "kind", "value", "valid_from"], name="network_once"
            ),
            # SQLite counts nulls as distinct, so the claim without a first day needs its own constraint.
            models.UniqueConstraint(
                fields=["organisation", "kind", "value"],
                condition=models.Q(valid_from=None),
                name="network_once_since_ever",
            ),
        )

    def __str__(self) -> str:
        return self.value


class Revision(models.Model):
    """One row: a number that grows whenever networks or their owners change, so that caches know that they are stale."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    number = models.BigIntegerField(default=0)

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="revision_one_row"),)

    def __str__(self) -> str:
        return str(self.number)


class ImportPlan(models.Model):
    """An uploaded file between its dry run and its application. Removed a day after it was applied or left."""

    class Format(models.TextChoices):
        CSV = "csv", _("registry table (CSV)")
        RIR = "rir", _("address list of a country (JSON)")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    format = models.CharField(_("format"), max_length=3, choices=Format.choices, default=Format.CSV)
    name = models.CharField(_("file"), max_length=255)
    content = models.BinaryField()
    state = models.ForeignKey(State, on_delete=models.PROTECT, related_name="+")
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, help_text="SHA-256 of what the dry run showed.")
    created_at = models.DateTimeField(default=timezone.now)
    applied_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.name
