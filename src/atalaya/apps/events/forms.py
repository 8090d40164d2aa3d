"""What people type: questions to the event table, and files to take in."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from atalaya.apps.events import own_feeds
from atalaya.apps.events.asking import USUAL_DAYS
from atalaya.apps.events.classes import CLASSES
from atalaya.apps.registry.models import Organisation
from atalaya.apps.registry.queries import Asker, visible_to
from atalaya.core import limits
from atalaya.core.schema.columns import SEVERITIES

DAYS = (MinValueValidator(date(1970, 1, 1)), MaxValueValidator(date(2999, 12, 31)))
"""Days that can be asked for: further out, a day more or a time zone less is no date any more."""


def feed_choices(states: Iterable[str] = ()) -> list[tuple[str, str]]:
    """Code and name of every feed of the product and of these states, for a select box."""
    known = sorted(own_feeds.known(states).feeds, key=lambda feed: (feed.provider, feed.name))
    return [(feed.code, f"{feed.provider}: {feed.name}") for feed in known]


class EventFilter(forms.Form):
    """A question to the event table; `question` gives it as the fields of `core.store.Question`, scope excepted."""

    address = forms.CharField(label=_("Address or prefix"), required=False, max_length=64)
    asn = forms.CharField(label=_("AS number"), required=False, max_length=12)
    domain = forms.CharField(label=_("Domain"), required=False, max_length=253)
    organisation = forms.ModelChoiceField(
        label=_("Organisation"), queryset=Organisation.objects.none(), required=False, empty_label=_("All")
    )
    type = forms.ChoiceField(label=_("Class"), required=False)
    feed = forms.ChoiceField(label=_("Feed"), required=False)
    since = forms.DateField(
        label=_("From"),
        required=False,
        validators=DAYS,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )
    until = forms.DateField(
        label=_("To"),
        required=False,
        validators=DAYS,
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )
    severity = forms.ChoiceField(label=_("Severity"), required=False)
    unowned = forms.BooleanField(label=_("Only without an owner"), required=False)
    identifier = forms.CharField(label=_("Identifier"), required=False, max_length=120)
    malware = forms.CharField(label=_("Malware"), required=False, max_length=120)
    port = forms.IntegerField(label=_("Port"), required=False, min_value=0, max_value=65535)
    country = forms.CharField(label=_("Country"), required=False, max_length=2)
    finding = forms.IntegerField(label=_("Finding"), required=False, widget=forms.HiddenInput())
    file = forms.RegexField(r"^[0-9a-f]{64}$", label=_("File"), required=False, widget=forms.HiddenInput())
    order = forms.ChoiceField(
        label=_("Order"),
        required=False,
        choices=[("newest", _("Newest first")), ("oldest", _("Oldest first")), ("address", _("By address"))],
    )

    MAIN = ("address", "asn", "domain", "organisation", "type", "feed", "since", "until")
    MORE = ("severity", "identifier", "malware", "port", "country", "order", "unowned")

    def __init__(self, data: Any = None, *, user: Asker, staff: bool) -> None:
        super().__init__(data)
        self.staff = staff
        self.user = user
        fields: dict[str, Any] = self.fields
        fields["organisation"].queryset = visible_to(user).order_by("name")
        fields["type"].choices = [("", _("All")), *sorted(CLASSES.items(), key=lambda one: str(one[1]))]
        self.states = own_feeds.states_of(user) if staff else frozenset()
        fields["feed"].choices = [("", _("All")), *feed_choices(self.states)]
        fields["severity"].choices = [("", _("All")), *((name, _(name)) for name in reversed(SEVERITIES[1:]))]
        if not staff:
            del fields["unowned"]

    @staticmethod
    def usual_since() -> date:
        """The first day that is shown when nobody asks for a time."""
        return timezone.localdate() - timedelta(days=USUAL_DAYS)

    def clean_address(self) -> str:
        text = str(self.cleaned_data["address"]).strip()
        if text:
            try:
                ipaddress.ip_network(text, strict=False)
            except ValueError as error:
                raise forms.ValidationError(
                    _("Write an address or a prefix: 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32.")
                ) from error
        return text

    def clean_asn(self) -> int | None:
        text = str(self.cleaned_data["asn"]).strip()
        if not text:
            return None
        found = re.fullmatch(r"(?:[Aa][Ss])?(\d{1,10})", text)
        if not found or int(found[1]) >= 2**32:
            raise forms.ValidationError(_("Write an AS number: AS64500 or 64500."))
        return int(found[1])

    def clean_finding(self) -> int | None:
        value: int | None = self.cleaned_data["finding"]
        if value is not None and not -(2**63) <= value < 2**63:
            raise forms.ValidationError(_("There is no such finding."))
        return value

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and until < since:
            self.add_error("until", _("The last day comes before the first one."))
        return cleaned

    def question(self) -> dict[str, Any]:
        """Fields of `Question` for a form that is valid. Days are whole days in the reader's time zone."""
        cleaned = self.cleaned_data
        names = (
            "asn",
            "domain",
            "type",
            "feed",
            "severity",
            "unowned",
            "identifier",
            "malware",
            "port",
            "country",
            "finding",
        )
        asked = {name: cleaned[name] for name in names if cleaned.get(name) not in (None, "", False)}
        if cleaned["address"]:
            asked["prefix" if "/" in cleaned["address"] else "ip"] = cleaned["address"]
        if cleaned["organisation"]:
            asked["owner"] = str(cleaned["organisation"].pk)
        if cleaned["file"]:
            asked["raw_file"] = cleaned["file"]
        asked["order"] = cleaned["order"] or "newest"
        return {**asked, **self._times()}

    def _times(self) -> dict[str, datetime]:
        since, until = self.cleaned_data["since"], self.cleaned_data["until"]
        known_place = self.cleaned_data["file"] or self.cleaned_data["finding"]
        if since is None and not known_place:
            since = until - timedelta(days=USUAL_DAYS) if until else self.usual_since()
        times = {}
        if since:
            times["since"] = _midnight(since)
        if until:
            times["until"] = _midnight(until + timedelta(days=1))
        return times


def _midnight(day: date) -> datetime:
    zone = timezone.get_current_timezone()
    return datetime.combine(day, time(), zone).astimezone(UTC)


class ManyFiles(forms.ClearableFileInput):
    """A file box that takes several files."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """The files of a `ManyFiles` box, as a list."""

    widget = ManyFiles

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = data if isinstance(data, (list, tuple)) else [data]
        return [super(FilesField, self).clean(one, initial) for one in files]


class UploadForm(forms.Form):
    """One or more feed files, of one feed or of whatever feed each turns out to be."""

    documents = FilesField(
        label=_("Files"),
        help_text=_("In any format of a feed, plain, packed as gzip or zip, or attached to a saved mail."),
    )
    feed = forms.ChoiceField(
        label=_("Feed"), required=False, help_text=_("Leave it open to go by file name and columns.")
    )

    def __init__(self, *args: Any, states: Iterable[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["feed"].choices = [("", _("Find out")), *feed_choices(states)]

    def clean_documents(self) -> list[Any]:
        files: list[Any] = self.cleaned_data["documents"]
        if sum(file.size for file in files) > limits.UPLOAD_BYTES:
            raise forms.ValidationError(
                _("These files are too large for one upload. Use the drop folder or the command line.")
            )
        return files


class AgainForm(forms.Form):
    """With which feed to process a failed file again."""

    feed = forms.ChoiceField(label=_("Feed"), required=False)

    def __init__(self, *args: Any, states: Iterable[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["feed"].choices = [("", _("Find out")), *feed_choices(states)]
