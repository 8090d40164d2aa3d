"""Template tags that every page uses."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django import forms
from django.template import Context, Template, TemplateSyntaxError
from django.test import override_settings
from django.utils import timezone, translation

from atalaya.web.templatetags import ui

NOON = dt.datetime(2026, 11, 22, 12, 5, 9, tzinfo=dt.UTC)


def draw(text: str, **context: Any) -> str:
    return str(Template(text).render(Context(context)))


@pytest.mark.parametrize(
    ("zone", "shown"),
    [("UTC", "2026-11-22</span> <span>12:05 UTC</span>"), ("America/Barbados", "2026-11-22</span> <span>08:05 AST</span>"),
     ("America/Sao_Paulo", "2026-11-22</span> <span>09:05 UTC-03</span>")],
)  # fmt: skip
def test_it_shows_a_time_with_its_zone(zone: str, shown: str) -> None:
    with timezone.override(zone):
        html = draw("{% when moment %}", moment=NOON)
    assert shown in html
    assert 'datetime="2026-11-22T' in html


def test_it_takes_a_time_without_zone_for_utc_and_nothing_for_a_dash() -> None:
    assert "12:05 UTC" in draw("{% when moment %}", moment=NOON.replace(tzinfo=None))
    assert "12:05:09" in draw('{% when moment "seconds" %}', moment=NOON)
    assert "2026-11-22</span> <span>UTC" in draw('{% when moment "date" %}', moment=NOON)
    assert "–" in draw("{% when moment %}", moment=None)
    assert draw("{% when moment %}", moment=NOON.date()) == '<time datetime="2026-11-22">2026-11-22</time>'


def test_it_says_how_long_ago_with_the_full_time_as_title() -> None:
    html = draw("{% since moment %}", moment=timezone.now() - dt.timedelta(hours=3))
    assert "3\xa0hours ago" in html and "UTC" in html
    assert "–" in draw("{% since moment %}", moment=None)


@pytest.mark.parametrize(("value", "css"), [(5, "critical"), ("high", "high"), (3, "medium"), (1, "quiet")])
def test_it_shows_a_severity_by_rank_or_name(value: object, css: str) -> None:
    assert f'class="badge {css}"' in draw("{% severity value %}", value=value)


@pytest.mark.parametrize("value", [0, None, "", "undefined", 17, "strange"])
def test_it_shows_a_dash_for_a_severity_that_was_not_said(value: object) -> None:
    assert "–" in draw("{% severity value %}", value=value)


def test_it_shows_a_marking_in_its_colours_and_takes_an_unknown_one_for_red() -> None:
    assert draw('{% tlp "amber+strict" %}') == '<span class="tlp amber">TLP:AMBER+STRICT</span>'
    assert 'class="tlp red"' in draw('{% tlp "purple" %}')
    assert draw('{% badge "green" "tlp" %}') == draw('{% tlp "green" %}')
    assert draw('{% tlp "" %}') == ""


def test_it_gives_a_status_its_tone_and_escapes_its_words() -> None:
    assert draw('{% badge word "failed" %}', word="<b>") == '<span class="badge bad">&lt;b&gt;</span>'
    assert 'class="badge quiet"' in draw('{% badge "x" "never heard of" %}')
    assert draw('{% badge "" "failed" %}') == ""


def test_it_writes_numbers_as_the_language_does() -> None:
    assert draw("{{ n|number }}", n=1234567) == "1,234,567"
    with translation.override("es"):
        assert draw("{{ n|number }}", n=1234567).replace("\xa0", ".") == "1.234.567"
    assert draw("{{ n|number }}", n="many") == "many"
    assert draw("{{ n|number }}", n=True) == "True"


class Example(forms.Form):
    name = forms.CharField(help_text="As it stands on the door.")
    agreed = forms.BooleanField(required=False)
    sort = forms.ChoiceField(choices=[("a", "A")], widget=forms.RadioSelect, required=False)
    secret = forms.CharField(widget=forms.HiddenInput, required=False)


def test_it_draws_a_form_with_labels_errors_and_help() -> None:
    form = Example({"name": ""})
    form.add_error(None, "Both are wrong.")
    html = draw("{% form_fields form %}", form=form)
    assert "Both are wrong." in html and "This field is required." in html
    assert 'for="id_name"' in html and 'id="id_name_helptext"' in html
    assert 'class="field tick"' in html and 'type="hidden"' in html
    assert "(optional)" in html


def test_it_draws_tiles_tabs_facts_and_empty_places() -> None:
    assert '<a class="tile bad" href="/x"' in draw('{% stat "Failed" 3 "/x" "bad" "since today" %}')
    assert 'class="tile  zero"' in draw('{% stat "Failed" 0 "" "bad" %}')
    tabs = [ui.Tab("One", "/1", current=True, count=5), ui.Tab("Two", "/2")]
    html = draw("{% tabs items %}", items=tabs)
    assert 'href="/1" aria-current="page"' in html and 'class="number">5<' in html
    assert "<dd>–</dd>" in draw("{% definitions pairs %}", pairs=[("A", None)])
    assert 'href="/go"' in draw('{% empty_state "T" "x" "files" "/go" "Go" %}')


def test_it_captures_a_block_and_refuses_a_bad_tag() -> None:
    assert (
        draw("{% capture a %} <b>{{ x }}</b> {% endcapture %}[{{ a }}{{ a }}]", x="<")
        == "[<b>&lt;</b><b>&lt;</b>]"
    )
    with pytest.raises(TemplateSyntaxError):
        draw("{% capture %}{% endcapture %}")


@override_settings(USE_TZ=True)
def test_it_links_pages_without_a_request() -> None:
    from django.core.paginator import Paginator

    page = Paginator(range(100), 10).get_page(2)
    html = draw("{% pagination page %}", page=page)
    assert 'href="?page=2" aria-current="page"' in html
    assert "…" in html
