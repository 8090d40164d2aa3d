"""What an operator chooses: a file and its kind."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from atalaya.apps.reference.models import ReferenceFile


class LoadForm(forms.Form):
    """A reference file of one kind."""

    kind = forms.ChoiceField(label=_("Kind"), choices=ReferenceFile.Kind.choices)
    document = forms.FileField(
        label=_("File"),
        help_text=_("Unpacked. A file of the same kind is replaced once the new one is found good."),
    )
