"""What a person types about a finding. The rules are in `actions`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from atalaya.apps.events.marks.actions import LONGEST, REASON_CHARS
from atalaya.apps.events.models import Mark

USUAL = timedelta(days=90)
"""For how long a risk is accepted when nobody says."""


class MarkForm(forms.Form):
    """Solved, wrong or accepted, with the reason."""

    kind = forms.ChoiceField(
        label=_("Your answer"),
        choices=(
            (Mark.Kind.SOLVED, _("Solved: we have mended it")),
            (Mark.Kind.WRONG, _("Wrong: it is not ours, or it is not true")),
            (Mark.Kind.ACCEPTED, _("Accepted: we know of the risk and live with it for now")),
        ),
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        label=_("What was done, or why"),
        required=False,
        max_length=REASON_CHARS,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("The team reads it. Needed unless it is solved."),
    )
    until = forms.DateField(
        label=_("Accepted until"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("Only for an accepted risk: no notices until then, at most a year."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        today = timezone.localdate()
        self.fields["until"].initial = today + USUAL
        self.fields["until"].widget.attrs.update(min=today.isoformat(), max=(today + LONGEST).isoformat())


class AnswerForm(forms.Form):
    """The team's answer to an owner's word."""

    words = forms.CharField(
        label=_("Your answer to the owner"),
        required=False,
        max_length=REASON_CHARS,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Needed when you do not agree."),
    )
    agree = forms.TypedChoiceField(choices=(("yes", ""), ("no", "")), coerce=lambda value: value == "yes")
