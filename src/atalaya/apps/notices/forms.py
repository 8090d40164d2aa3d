"""What people decide about a notice."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from atalaya.apps.notices.models import Notice, Trouble


class HoldForm(forms.Form):
    """Keep a notice back."""

    reason = forms.CharField(label=_("Reason"), max_length=400, help_text=_("It goes into the audit log."))


class ReleaseForm(forms.Form):
    """Let a held notice go on; it asks for what its kind of problem makes necessary."""

    reason = forms.CharField(label=_("Reason"), max_length=400, help_text=_("It goes into the audit log."))
    source_agrees = forms.BooleanField(
        label=_("I have the word of the source that this recipient may have it."), required=True
    )
    plain = forms.BooleanField(
        label=_("Send it signed but not encrypted."),
        required=False,
        help_text=_(
            "Only when the contact asked for it. Otherwise leave this open and mend the certificate first."
        ),
    )

    def __init__(self, data: Any = None, *, notice: Notice) -> None:
        super().__init__(data)
        if notice.trouble != Trouble.MARKING:
            del self.fields["source_agrees"]
        if notice.trouble not in (Trouble.EXPIRED, Trouble.REVOKED, Trouble.UNUSABLE):
            del self.fields["plain"]
