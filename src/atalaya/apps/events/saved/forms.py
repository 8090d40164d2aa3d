"""What people choose when they keep a question, and when they silence it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from atalaya.apps.events import words
from atalaya.apps.events.asking import read
from atalaya.apps.registry.queries import Asker
from atalaya.core.store.ask import Problem


class QuestionForm(forms.Form):
    """A question to keep: its name and line, who sees it, and whether new events that answer it raise an alarm."""

    name = forms.CharField(label=_("Name"), max_length=120)
    line = forms.CharField(label=_("Question"), max_length=2000, widget=forms.TextInput({"class": "code"}))
    note = forms.CharField(
        label=_("Note"), required=False, max_length=2000, widget=forms.Textarea({"rows": 3})
    )
    shared = forms.BooleanField(label=_("Share it with the team"), required=False)
    alarm = forms.BooleanField(label=_("Tell me when new events answer it"), required=False)
    quiet_hours = forms.IntegerField(
        label=_("Hours of quiet after an alarm"), min_value=1, max_value=24 * 30, initial=24
    )

    def __init__(self, *args: Any, user: Asker, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_line(self) -> str:
        text = str(self.cleaned_data["line"])
        try:
            read(text, self.user)
        except Problem as problem:
            raise forms.ValidationError(words.problem(problem)) from problem
        return text


class MuteForm(forms.Form):
    """For how long a question's alarm is quiet."""

    days = forms.IntegerField(label=_("Days"), min_value=0, max_value=365, initial=7)
