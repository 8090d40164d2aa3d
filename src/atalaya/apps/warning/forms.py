"""What people say about an alarm."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from atalaya.apps.warning.models import Alarm


class JudgeForm(forms.Form):
    """Was it worth the time?"""

    word = forms.ChoiceField(label=_("Was it useful?"), choices=Alarm.Word.choices, widget=forms.RadioSelect)
    note = forms.CharField(label=_("Note"), max_length=400, required=False)


class MuteForm(forms.Form):
    """Hear nothing more of it for a while."""

    scope = forms.ChoiceField(label=_("What to mute"), widget=forms.RadioSelect)
    days = forms.TypedChoiceField(
        label=_("For how long"),
        coerce=int,
        initial=30,
        choices=[(7, _("a week")), (30, _("30 days")), (90, _("90 days")), (365, _("a year"))],
    )
    reason = forms.CharField(label=_("Reason"), max_length=400, help_text=_("It goes into the audit log."))

    def __init__(self, data: object = None, *, subject: str, kind: str) -> None:
        """`subject` and `kind` are the words for the alarm's value and for its kind."""
        super().__init__(data)  # type: ignore[arg-type]
        scope = self.fields["scope"]
        scope.choices = [("subject", subject), ("kind", kind)]  # type: ignore[attr-defined]
        scope.initial = "subject"
