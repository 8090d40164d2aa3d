"""What people type about a source. Which fields there are hangs on its kind."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from atalaya.apps.collection.gathering import PLACE
from atalaya.apps.collection.models import Source
from atalaya.apps.events import own_feeds
from atalaya.apps.events.forms import feed_choices
from atalaya.core.errors import BadInput
from atalaya.core.feeds import Feed
from atalaya.wire import http

Kind, Auth = Source.Kind, Source.Auth

SHADOWSERVER = "https://transform.shadowserver.org/api2/"
EVERY: dict[int, Any] = {
    15: gettext_lazy("every 15 minutes"), 30: gettext_lazy("every 30 minutes"), 60: gettext_lazy("every hour"),
    120: gettext_lazy("every 2 hours"), 180: gettext_lazy("every 3 hours"), 360: gettext_lazy("every 6 hours"),
    720: gettext_lazy("every 12 hours"), 1440: gettext_lazy("every day"), 10080: gettext_lazy("every week"),
}  # fmt: skip
AUTH: dict[str, tuple[Source.Auth, ...]] = {
    Kind.HTTP: (Auth.NONE, Auth.BASIC, Auth.BEARER, Auth.HEADER, Auth.ADDRESS),
    Kind.MISP: (Auth.NONE, Auth.BASIC, Auth.BEARER, Auth.HEADER),
    Kind.TAXII: (Auth.NONE, Auth.BASIC, Auth.BEARER, Auth.HEADER),
    Kind.SHADOWSERVER: (Auth.HMAC,),
    Kind.IMAP: (Auth.BASIC,),
}
"""Which credentials each kind takes."""
OPTIONS: dict[str, tuple[str, ...]] = {
    Kind.HTTP: ("paging", "next", "items"),
    Kind.SHADOWSERVER: ("reports", "days"),
    Kind.MISP: ("days",),
    Kind.TAXII: ("days",),
    Kind.IMAP: ("folder", "move_to", "hosts"),
}
"""Which options each kind has."""
LABELS: dict[str, tuple[Any, Any]] = {
    Kind.SHADOWSERVER: (gettext_lazy("API key"), gettext_lazy("Secret")),
    Kind.IMAP: (gettext_lazy("User"), gettext_lazy("Password")),
}
"""What user and secret are called where only one kind of credentials is taken."""
FIXED_FEED: dict[str, str] = {Kind.MISP: "misp-feed", Kind.TAXII: "taxii-indicators"}
"""What these kinds bring is always of this feed."""
EXAMPLES: dict[str, Any] = {
    Kind.HTTP: gettext_lazy("For example https://feeds.example.org/list.csv"),
    Kind.SHADOWSERVER: gettext_lazy("The address of the reports API"),
    Kind.MISP: gettext_lazy("The folder that holds manifest.json"),
    Kind.TAXII: gettext_lazy("The collection: https://SERVER/API-ROOT/collections/ID/"),
    Kind.IMAP: gettext_lazy("For example imaps://mail.example.org"),
}


class SourceForm(forms.Form):
    """One source. `source` gives what is shown at first; `write` puts what was typed into it."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    feed = forms.ChoiceField(
        label=gettext_lazy("Feed"),
        required=False,
        help_text=gettext_lazy("Leave it open to go by file name and columns."),
    )
    address = forms.CharField(label=gettext_lazy("Address"), max_length=500)
    every_minutes = forms.TypedChoiceField(label=gettext_lazy("Fetch"), coerce=int)
    silent_hours = forms.IntegerField(
        label=gettext_lazy("Silence is an alarm after"),
        min_value=1,
        max_value=8760,
        help_text=gettext_lazy("Hours without anything new"),
    )
    auth = forms.ChoiceField(label=gettext_lazy("Credentials"), required=False)
    login = forms.CharField(
        label=gettext_lazy("User, API key or name of the header field"), required=False, max_length=200
    )
    secret = forms.CharField(
        label=gettext_lazy("Password, token or secret"),
        required=False,
        max_length=2000,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    paging = forms.ChoiceField(
        label=gettext_lazy("Pages"),
        required=False,
        choices=[
            ("", gettext_lazy("one page")),
            ("link", gettext_lazy("the Link header names the next page")),
            ("json", gettext_lazy("a field of the JSON answer names the next page")),
            ("page", gettext_lazy("pages are numbered")),
        ],
    )
    next = forms.CharField(
        label=gettext_lazy("Field or parameter of the next page"), required=False, max_length=80
    )
    items = forms.CharField(label=gettext_lazy("Field with the rows"), required=False, max_length=80)
    reports = forms.CharField(
        label=gettext_lazy("Only these lists"),
        required=False,
        max_length=400,
        help_text=gettext_lazy("Names as Shadowserver gives them, with commas between"),
    )
    days = forms.IntegerField(
        label=gettext_lazy("Days to go back at first"), required=False, min_value=1, max_value=3650
    )
    folder = forms.CharField(label=gettext_lazy("Folder"), required=False, max_length=200)
    move_to = forms.CharField(
        label=gettext_lazy("Move mails that were read to"),
        required=False,
        max_length=200,
        help_text=gettext_lazy("Leave it empty to mark them as seen"),
    )
    hosts = forms.CharField(
        label=gettext_lazy("Follow links to these hosts"),
        required=False,
        max_length=1000,
        help_text=gettext_lazy("With commas between; no other link in a mail is opened"),
    )

    def __init__(self, data: Any = None, *, source: Source) -> None:
        super().__init__(data, initial=_initial(source))
        self.source = source
        fields: dict[str, Any] = self.fields
        for name in {name for names in OPTIONS.values() for name in names} - set(OPTIONS[source.kind]):
            del fields[name]
        fields["feed"].choices = [("", _("Find out")), *feed_choices([source.state_id])]
        if source.kind in FIXED_FEED or source.kind == Kind.SHADOWSERVER:
            del fields["feed"]
        fields["every_minutes"].choices = _periods(source.every_minutes)
        fields["auth"].choices = [(one.value, one.label) for one in AUTH[source.kind]]
        if source.kind in LABELS:
            fields["login"].label, fields["secret"].label = LABELS[source.kind]
            fields["login"].required, fields["secret"].required = True, not source.sealed
        if len(AUTH[source.kind]) == 1:
            del fields["auth"]
        fields["address"].help_text = EXAMPLES[source.kind]
        if source.sealed:
            fields["secret"].help_text = _("One is kept, and is never shown. Leave this empty to keep it.")

    def clean_address(self) -> str:
        address = str(self.cleaned_data["address"]).strip()
        if self.source.kind == Kind.IMAP:
            parts = urlsplit(address)
            if parts.scheme != "imaps" or not parts.hostname or parts.username:
                raise forms.ValidationError(_("Write imaps:// and the name of the mail server."))
            return address
        try:
            http.checked(address.replace(PLACE, "key"))
        except BadInput as error:
            raise forms.ValidationError(
                _("Write a whole address that begins with https:// or http://, without a password in it.")
            ) from error
        return address

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        auth = cleaned.get("auth") or AUTH[self.source.kind][0].value
        if auth != Auth.NONE and not cleaned.get("secret") and not self.source.sealed:
            self.add_error("secret", _("These credentials need it."))
        if auth in (Auth.BASIC, Auth.HEADER, Auth.HMAC) and not cleaned.get("login"):
            self.add_error("login", _("These credentials need it."))
        if auth == Auth.HEADER and not re.fullmatch(r"[A-Za-z0-9-]*", cleaned.get("login", "")):
            self.add_error("login", _("The name of a header field has letters, digits and hyphens."))
        if auth == Auth.ADDRESS and PLACE not in cleaned.get("address", PLACE):
            self.add_error("address", _("Write {key} where the key belongs."))
        return cleaned

    def write(self) -> str | None:
        """Put what was typed into the source; returns its new secret, None to keep the old one."""
        cleaned, source = self.cleaned_data, self.source
        source.name, source.address = cleaned["name"].strip(), cleaned["address"]
        source.feed = FIXED_FEED.get(source.kind, cleaned.get("feed", ""))
        source.every_minutes, source.silent_hours = cleaned["every_minutes"], cleaned["silent_hours"]
        source.auth = cleaned.get("auth") or AUTH[source.kind][0].value
        source.login = cleaned["login"] if source.auth not in (Auth.NONE, Auth.BEARER, Auth.ADDRESS) else ""
        source.options = {
            name: cleaned[name] for name in OPTIONS[source.kind] if cleaned.get(name) not in (None, "")
        }
        if source.auth == Auth.NONE:
            return ""
        return cleaned["secret"] or None


def _periods(now: int) -> list[tuple[int, Any]]:
    found = dict(EVERY)
    found.setdefault(now, _("every %(minutes)s minutes") % {"minutes": now})
    return sorted(found.items())


def _initial(source: Source) -> dict[str, Any]:
    names = ("name", "feed", "address", "every_minutes", "silent_hours", "auth", "login")
    return {**{name: getattr(source, name) for name in names}, **source.options}


def minutes_of(every: str) -> int:
    """Minutes of a period as feed declarations write it: 30m, 1h, 1d."""
    return int(every[:-1]) * {"m": 1, "h": 60, "d": 1440}[every[-1]]


def offered(kind: str, code: str, state: str) -> Source:
    """A new source of this kind as it is offered, with what the declaration of the feed `code` knows."""
    source = Source(kind=kind, state_id=state, auth=AUTH[kind][0])
    if kind == Kind.SHADOWSERVER:
        source.name, source.address, source.every_minutes = "Shadowserver", SHADOWSERVER, 180
    if kind == Kind.IMAP:
        source.options = {"folder": "INBOX"}
    if kind in (Kind.MISP, Kind.TAXII):
        source.options = {"days": 30}
    if kind == Kind.HTTP and (feed := _feed(code, state)):
        source.feed, source.name = feed.code, feed.name
        if feed.source:
            source.address, source.every_minutes = feed.source.url, max(5, minutes_of(feed.source.every))
            source.silent_hours = max(48, source.every_minutes // 20)
    return source


def _feed(code: str, state: str) -> Feed | None:
    try:
        return own_feeds.known([state]).get(code)
    except KeyError:
        return None
