from __future__ import annotations

from django.urls import path, register_converter

from atalaya.apps.events import views, views_explorer, views_feeds, views_files
from atalaya.apps.events.marks import views as marks
from atalaya.apps.events.rules import views as rules
from atalaya.apps.events.saved import views as saved


class FindingKey:
    """A finding's key: a signed 64-bit number."""

    regex = r"-?\d{1,19}"

    def to_python(self, value: str) -> int:
        key = int(value)
        if not -(2**63) <= key < 2**63:
            raise ValueError("not a finding's key")
        return key

    def to_url(self, value: int) -> str:
        return str(value)


class Sha256:
    """The hash of a file, lower-case hex."""

    regex = r"[0-9a-f]{64}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(FindingKey, "finding")
register_converter(Sha256, "sha256")

app_name = "events"

urlpatterns = [
    path("", views_explorer.explorer, name="explorer"),
    path("suggest/", views_explorer.suggest, name="suggest"),
    path("how/", views_explorer.how, name="how"),
    path("compare/", views_explorer.compare, name="compare"),
    path("story/", views_explorer.story, name="story"),
    path("saved/", saved.saved, name="saved"),
    path("saved/add/", saved.keep, name="keep"),
    path("saved/<uuid:pk>/", saved.question, name="question"),
    path("saved/<uuid:pk>/seen/", saved.seen, name="question_seen"),
    path("saved/<uuid:pk>/mute/", saved.mute, name="question_mute"),
    path("saved/<uuid:pk>/remove/", saved.remove, name="question_remove"),
    path("of/<sha256:raw_file>/<int:raw_row>/", views.event, name="event"),
    path("findings/", views.findings, name="findings"),
    path("findings/mark/", marks.mark, name="mark"),
    path("findings/<finding:key>/", views.finding, name="finding"),
    path("marks/<uuid:pk>/answer/", marks.answer, name="answer"),
    path("marks/<uuid:pk>/back/", marks.take_back, name="take_back"),
    path("files/", views_files.files, name="files"),
    path("files/add/", views_files.upload, name="upload"),
    path("files/<uuid:pk>/", views_files.file, name="file"),
    path("files/<uuid:pk>/original/", views_files.original, name="original"),
    path("files/<uuid:pk>/rejects.csv", views_files.rejects, name="rejects"),
    path("files/<uuid:pk>/seen/", views_files.rejects_seen, name="rejects_seen"),
    path("files/<uuid:pk>/again/", views_files.try_again, name="try_again"),
    path("feeds/", views_feeds.feeds_page, name="feeds"),
    path("feeds/new/", views_feeds.new_feed, name="new_feed"),
    path("feeds/<slug:code>/", views_feeds.feed, name="feed"),
    path("feeds/<slug:code>/declaration.toml", views_feeds.feed_file, name="feed_file"),
    path("feeds/<slug:code>/change/", views_feeds.change_feed, name="change_feed"),
    path("feeds/<slug:code>/remove/", views_feeds.remove_feed, name="remove_feed"),
    path("rules/", rules.rules, name="rules"),
    path("rules/new/", rules.new_rule, name="new_rule"),
    path("rules/import/", rules.bring, name="import_rules"),
    path("rules/table.toml", rules.table, name="rules_table"),
    path("rules/<uuid:pk>/", rules.rule, name="rule"),
    path("rules/<uuid:pk>/move/", rules.move, name="move_rule"),
    path("rules/<uuid:pk>/switch/", rules.switch, name="switch_rule"),
    path("rules/<uuid:pk>/remove/", rules.remove, name="remove_rule"),
]
