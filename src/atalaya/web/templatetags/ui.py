"""Template tags and filters that every page may use, without `{% load %}`.

| tag | what it makes |
|---|---|
| `{% icon "events" %}` | a drawing out of icons.svg, hidden from screen readers |
| `{% badge file.get_status_display file.status %}` | a small coloured word; the second is a tone (good, warn, bad, note, quiet, lamp) or a status |
| `{% tlp notice.tlp %}` | the marking in the colours of TLP 2.0 |
| `{% severity 5 %}` or `{% severity "critical" %}` | a severity, by rank or by name |
| `{% when moment %}` | date, time and zone; `{% when moment "date" %}`, `{% when moment "seconds" %}` |
| `{% since moment %}` | "3 hours ago", with the full time as its title |
| `{% form_field form.name %}`, `{% form_fields form %}` | label, field, errors, help |
| `{% stat label value url tone note %}` | a tile with a count that links to the rows behind it |
| `{% empty_state title text icon url action %}` | what to do when there is nothing yet |
| `{% confirm url label question %}` | a button that asks before it posts |
| `{% tabs items label %}`, `{% definitions pairs %}`, `{% chart svg table caption small %}`, `{% pagination page %}` | the rest |
| `{{ 12345|number }}` | 12,345 as the language writes it |
| `{% capture name %}...{% endcapture %}` | keep what is inside in a variable |
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma, naturaltime
from django.core.paginator import Page
from django.forms import (
    BaseForm,
    BoundField,
    CheckboxInput,
    CheckboxSelectMultiple,
    ModelChoiceField,
    RadioSelect,
)
from django.http import HttpRequest, QueryDict
from django.template.base import NodeList, Parser, Token
from django.template.context import Context
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from atalaya.core.schema.columns import SEVERITIES

register = template.Library()

TONES: dict[str, str] = {
    "waiting": "quiet", "ready": "note", "running": "note", "stored": "note", "done": "good", "failed": "bad",
    "dead": "bad", "open": "warn", "back": "bad", "gone": "quiet", "solved": "good", "accepted": "note", "doubted": "warn", "wrong": "quiet", "refused": "bad", "withdrawn": "quiet", "sent": "good", "held": "warn",
    "valid": "good", "expired": "bad", "revoked": "bad", "unusable": "warn", "plain": "quiet", "none": "quiet",
    "new": "note", "same": "quiet", "failing": "bad", "silent": "warn", "paused": "quiet",
    "signed": "note", "encrypted": "good", "critical": "critical", "high": "high", "medium": "medium", "low": "low",
    "info": "quiet", "leaving": "note", "planned": "warn", "left": "quiet", "outdated": "quiet", "good": "good", "warn": "warn", "bad": "bad", "note": "note", "quiet": "quiet", "lamp": "lamp",
}  # fmt: skip
"""Tone of a badge for each status that the models know. The tone is also a CSS class."""

SEVERITY_NAMES = {
    "undefined": _("not said"), "info": _("info"), "low": _("low"), "medium": _("medium"),
    "high": _("high"), "critical": _("critical"),
}  # fmt: skip

TLP_CLASS = {"red": "red", "amber": "amber", "amber+strict": "amber", "green": "green", "clear": "clear"}


@register.simple_tag
def icon(name: str) -> SafeString:
    """A drawing of icons.svg. Purely decorative: the words beside it say the same."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', static("icons.svg"), name
    )


@register.simple_tag
def badge(value: object, kind: str = "quiet") -> SafeString:
    """A word in a coloured pill. `kind` is a tone, a status that TONES knows, or "tlp"."""
    if value is None or value == "":
        return SafeString("")
    if kind == "tlp":
        return tlp(str(value))
    return format_html('<span class="badge {}">{}</span>', TONES.get(str(kind), "quiet"), value)


@register.simple_tag
def tlp(marking: str) -> SafeString:
    """A TLP 2.0 marking in its own colours. Empty for no marking."""
    if not marking:
        return SafeString("")
    return format_html('<span class="tlp {}">TLP:{}</span>', TLP_CLASS.get(marking, "red"), marking.upper())


@register.simple_tag
def severity(value: int | str | None) -> SafeString:
    """A severity by rank (0 to 5) or by name. Not said: a quiet dash."""
    name = (
        SEVERITIES[value]
        if isinstance(value, int) and 0 <= value < len(SEVERITIES)
        else str(value or "undefined")
    )
    if name not in SEVERITY_NAMES or name == "undefined":
        return format_html('<span class="faint no" title="{}">–</span>', SEVERITY_NAMES["undefined"])
    return format_html('<span class="badge {}">{}</span>', TONES[name], SEVERITY_NAMES[name])


def zone_name(moment: dt.datetime) -> str:
    """Name of the zone of an aware datetime: AST, UTC, or UTC-03 where the zone has no letters."""
    name = moment.tzname() or ""
    return f"UTC{name}" if name[:1] in "+-" else name


def as_datetime(moment: dt.datetime) -> dt.datetime:
    """The moment in the node's zone. A time without a zone is UTC, as everything stored is."""
    aware = moment if timezone.is_aware(moment) else moment.replace(tzinfo=dt.UTC)
    return timezone.localtime(aware)


@register.simple_tag
def when(moment: dt.datetime | dt.date | None, style: str = "") -> SafeString:
    """Date, time and zone in the node's zone, 24 hours: 2026-11-22 17:45 AST. `style`: "", "date" or "seconds"."""
    if moment is None or moment == "":
        return SafeString('<span class="faint no">–</span>')
    if not isinstance(moment, dt.datetime):
        return format_html('<time datetime="{0}">{0}</time>', moment.isoformat())
    local = as_datetime(moment)
    stamp, day, zone = local.isoformat(timespec="seconds"), f"{local:%Y-%m-%d}", zone_name(local)
    clock = "" if style == "date" else f"{local:%H:%M:%S} " if style == "seconds" else f"{local:%H:%M} "
    # Spans, since browsers break a line after the hyphens of a date.
    return format_html(
        '<time datetime="{}"><span>{}</span> <span>{}{}</span></time>', stamp, day, clock, zone
    )


@register.simple_tag
def since(moment: dt.datetime | None) -> SafeString:
    """How long ago, in words, with the full time as its title."""
    if moment is None:
        return SafeString('<span class="faint no">–</span>')
    local = as_datetime(moment)
    title = f"{local:%Y-%m-%d %H:%M} {zone_name(local)}"
    stamp = local.isoformat(timespec="seconds")
    return format_html('<time datetime="{}" title="{}">{}</time>', stamp, title, naturaltime(local))


@register.filter
def number(value: object) -> object:
    """A whole number with its thousands apart, as the language writes them; anything else unchanged."""
    return intcomma(value) if isinstance(value, int) and not isinstance(value, bool) else value


PACKAGE_LABELS = {
    "Email": _("E-mail"),
    "Current Password": _("Current password"),
    "New Password": _("New password"),
    "New Password (again)": _("New password again"),
}
"""Labels of the sign-in package, as this node writes them."""
DASHES = "---------"
"""What Django shows where nothing is chosen."""


@register.inclusion_tag("components/form_field.html")
def form_field(field: BoundField, plain: bool = False) -> dict[str, Any]:
    """Label, field, errors and help. `plain`: do not say that it is optional.

    A label that a package leaves in English is said in the reader's language when our catalogue has it.
    """
    widget = field.field.widget
    group = isinstance(widget, RadioSelect | CheckboxSelectMultiple)
    tick = isinstance(widget, CheckboxInput)
    english = str(field.label or "")
    label = str(PACKAGE_LABELS.get(english) or (gettext(english) if english else ""))
    if widget.attrs.get("placeholder") == field.label:
        del widget.attrs["placeholder"]
    if isinstance(field.field, ModelChoiceField) and field.field.empty_label == DASHES:
        field.field.empty_label = "–"
    return {"field": field, "label": label, "plain": plain, "group": group, "tick": tick}


@register.inclusion_tag("components/form_fields.html")
def form_fields(form: BaseForm) -> dict[str, Any]:
    """All fields of a form, with the errors that belong to none of them first."""
    return {"form": form}


@register.inclusion_tag("components/stat.html")
def stat(label: str, value: object, url: str = "", tone: str = "", note: str = "") -> dict[str, Any]:
    """A tile with a count. A count of nothing is quiet whatever its tone."""
    return {"label": label, "value": value, "url": url, "tone": tone if value else "", "note": note}


@register.inclusion_tag("components/empty_state.html")
def empty_state(
    title: str, text: str = "", icon: str = "lamp", url: str = "", action: str = ""
) -> dict[str, Any]:
    """What stands where nothing is yet: what would be here, and the first step towards it."""
    return {"title": title, "text": text, "name": icon, "url": url, "action": action}


@register.inclusion_tag("components/confirm.html", takes_context=True)
def confirm(context: Context, url: str, label: str, question: str = "") -> dict[str, Any]:
    """A button that asks before it does what cannot be undone: the first press opens the question, the second one posts."""
    asked = question or gettext("This cannot be undone.")
    return {"csrf_token": context.get("csrf_token"), "url": url, "label": label, "question": asked}


@dataclass(frozen=True)
class Tab:
    """One tab: where it leads, whether it is the one that is shown, and how many rows are behind it."""

    label: str
    url: str
    current: bool = False
    count: int | None = None


@register.inclusion_tag("components/tabs.html")
def tabs(items: Iterable[Tab | dict[str, Any]], label: str = "") -> dict[str, Any]:
    """A row of tabs that are links."""
    return {"tabs": items, "label": label or _("Parts of this page")}


@register.inclusion_tag("components/definitions.html")
def definitions(pairs: Iterable[tuple[object, object]]) -> dict[str, Any]:
    """Names and values below each other."""
    return {"pairs": pairs}


@register.inclusion_tag("components/chart.html")
def chart(svg: str, table: str = "", caption: str = "", small: str = "") -> dict[str, Any]:
    """A drawing of core.draw with its table, and the drawing that a telephone shows. All come escaped from there."""
    return {"svg": svg, "table": table, "caption": caption, "small": small}


@register.inclusion_tag("components/pagination.html", takes_context=True)
def pagination(context: Context, page: Page[Any], target: str = "") -> dict[str, Any]:
    """Links to the pages of a list, keeping the rest of the address. `target`: id of the part that htmx swaps."""
    numbers = page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)
    links = [_page_link(context.get("request"), n, page.number) for n in numbers]
    return {"page": page, "links": links, "target": target}


def _page_link(request: HttpRequest | None, number: int | str, current: int) -> dict[str, Any]:
    if isinstance(number, str):
        return {"label": number, "url": ""}
    query = request.GET.copy() if request else QueryDict(mutable=True)
    query["page"] = str(number)
    return {"label": number, "url": f"?{query.urlencode()}", "current": number == current}


class CaptureNode(template.Node):
    """Renders what is inside into a variable, so that one block can stand in two places."""

    def __init__(self, nodelist: NodeList, name: str) -> None:
        self.nodelist = nodelist
        self.name = name

    def render(self, context: Context) -> SafeString:
        context[self.name] = SafeString(self.nodelist.render(context).strip())
        return SafeString("")


@register.tag
def capture(parser: Parser, token: Token) -> CaptureNode:
    """`{% capture name %}...{% endcapture %}`"""
    parts = token.split_contents()
    if len(parts) != 2:
        raise template.TemplateSyntaxError("capture takes one name")
    nodelist = parser.parse(("endcapture",))
    parser.delete_first_token()
    return CaptureNode(nodelist, parts[1])
