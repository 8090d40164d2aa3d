"""What people type about rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext_lazy as _

from atalaya.apps.events.classes import CLASSES, SEVERITY_NAMES
from atalaya.apps.events.models import Rule
from atalaya.apps.events.rules import running
from atalaya.apps.events.rules.trying import DAYS, MOST_DAYS
from atalaya.apps.registry.models import Organisation
from atalaya.apps.registry.queries import ROLES_TOLD
from atalaya.core.schema.columns import SEVERITIES

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Any]
else:
    _ModelForm = forms.ModelForm


class RuleForm(_ModelForm):
    """One rule. `instance` has its state; `days` is for trying it. Nothing is saved here."""

    days = forms.IntegerField(
        label=_("Try it on the events of so many days"),
        min_value=1,
        max_value=MOST_DAYS,
        initial=DAYS,
        required=False,
    )

    class Meta:
        model = Rule
        fields = (
            "name", "line", "reason", "what", "type", "identifier", "severity", "at_once", "hold", "tell", "role", "until",
            "fits", "spares",
        )  # fmt: skip
        widgets = {
            "line": forms.TextInput({"class": "code", "spellcheck": "false"}),
            "until": forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
            "fits": forms.Textarea({"rows": 3, "class": "code", "spellcheck": "false"}),
            "spares": forms.Textarea({"rows": 3, "class": "code", "spellcheck": "false"}),
        }
        help_texts = {
            "line": _("A question as in the event history, without a time: class:scanner port:23 -org:\"Port Authority\""),
            "reason": _("It stands with dropped rows, and in notices that go another way."),
            "what": _("Dropped rows are counted and kept as rejected rows. “Leave as it is” keeps later rules off."),
            "severity": _("Raises it; what is more severe already stays so."),
            "hold": _("Somebody of the team looks at each notice before it leaves."),
            "tell": _("Its contacts are told instead of the owner's, as far as the marking allows."),
            "role": _("Only contacts of this role are told."),
            "until": _("The last day on which it holds."),
            "fits": _("Test it: one event a line, as a JSON object. The rule is not saved unless it fits all of them."),
            "spares": _("The rule is not saved if it fits one of them."),
        }  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = zip(SEVERITIES, SEVERITY_NAMES, strict=True)
        fields: dict[str, Any] = self.fields
        fields["type"] = forms.ChoiceField(
            label=fields["type"].label, required=False,
            choices=[("", _("as it is")), *sorted(CLASSES.items(), key=lambda one: str(one[1]))],
        )  # fmt: skip
        fields["severity"] = forms.ChoiceField(
            label=fields["severity"].label, required=False, help_text=fields["severity"].help_text,
            choices=[("", _("as it is")), *list(named)[1:]],
        )  # fmt: skip
        roles = [(role.value, role.label) for role in ROLES_TOLD]
        fields["role"] = forms.ChoiceField(
            label=fields["role"].label, required=False, help_text=fields["role"].help_text, choices=[("", _("any")), *roles]
        )  # fmt: skip
        fields["tell"].queryset = Organisation.objects.filter(state=self.instance.state_id, active=True)
        fields["tell"].empty_label = _("its owner")

    def _post_clean(self) -> None:
        names: Any = self._meta.fields
        for name in names:
            if name in self.cleaned_data:
                setattr(self.instance, name, self.cleaned_data[name])
        if not self.instance.code:
            self.instance.code = running.free_code(self.instance.state_id, self.instance.name)
        if not self.errors:
            for field, said in running.problems(self.instance):
                self.add_error(field if field in self.fields else None, said)


class TableForm(forms.Form):
    """A whole table as a TOML file."""

    file = forms.FileField(
        label=_("TOML file"), help_text=_("It becomes the whole table: rules that are not in it are removed.")
    )
