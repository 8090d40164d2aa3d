"""The table of a state: what its rules do to files that come in, and how it is changed."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Sum
from tests.apps.events.conftest import NOW, Take, data, line, owned, take
from tests.world import World

from atalaya.apps.events.models import Finding, Ingest, Reject, Rule, RuleHit
from atalaya.apps.events.rules import actions, examples, exchange, queries, running, trying
from atalaya.apps.events.tables import event_table
from atalaya.apps.records.actions import verify
from atalaya.apps.records.models import Record
from atalaya.core.errors import BadInput, NotAllowed
from atalaya.core.store import Question

__all__ = ["data", "owned", "take"]

ALL = Question(states=frozenset({"TT", "BB"}), organisations=None)


def rule(world: World, code: str = "noise", **said: Any) -> Rule:
    values = {"name": code.title(), "line": "port:22", "what": "drop", "reason": "Our own scanner."} | said
    return actions.save_rule(Rule(state=world.state, code=code, **values), by=world.lead)


def raised(world: World, code: str = "up", **said: Any) -> Rule:
    return rule(
        world, code, **({"what": "change", "line": "identifier:open-rdp", "severity": "critical"} | said)
    )


def codes() -> list[str]:
    return [one.code for one in Rule.objects.filter(removed_at=None)]


# -- on the way in -------------------------------------------------------------------------------------------------------


def test_it_decides_on_what_comes_in_and_counts_it(owned: World, take: Take) -> None:
    noise, up = rule(owned), raised(owned)
    done = take([line("192.0.2.1"), line("192.0.2.2", port=22), line("198.51.100.1")])
    assert (done.rows_read, done.rows_kept, done.rows_doubled, done.rows_rejected) == (3, 2, 0, 1)
    told = Reject.objects.get()
    assert (told.row, told.field) == (2, "rule")
    assert told.reason == "Dropped by the rule noise: Our own scanner."
    assert json.loads(told.raw)["source.ip"] == "192.0.2.2"
    assert dict(RuleHit.objects.values_list("rule__code", "count")) == {"noise": 1, "up": 2}
    assert set(Finding.objects.values_list("rule", "severity")) == {("up", 5)}
    found = queries.with_hits(queries.in_table(owned.reader))
    assert [(one.code, one.recent, one.last == done.received_at) for one in found] == [
        ("noise", 1, True),
        ("up", 2, True),
    ]
    assert (
        queries.of_event(owned.reader, "TT", "up") == up
        and queries.of_event(owned.member, "TT", "up") is None
    )
    assert [hit.rule for hit in queries.hits_of(done)] == [up, noise]
    assert verify().ok


def test_it_lets_the_first_rule_that_fits_decide(owned: World, take: Take) -> None:
    rule(owned, "spare", line='org:"Port Authority"', what="leave")
    rule(owned, "all", line="class:vulnerable-system", what="drop")
    done = take([line("192.0.2.1"), line("198.51.100.1")])
    assert (done.rows_kept, done.rows_rejected) == (1, 1)
    assert event_table().rows(ALL).select("source_ip", "rule", "rule_before").rows() == [
        ("192.0.2.1", "spare", None)
    ]


def test_it_asks_the_registry_what_names_mean(owned: World, take: Take) -> None:
    raised(owned, line="critical:yes sector:transport -org:bank", severity="critical")
    take([line("192.0.2.1"), line("198.51.100.1")])
    assert dict(Finding.objects.values_list("address", "rule")) == {"192.0.2.1": "up", "198.51.100.1": ""}


def test_it_leaves_other_states_and_switched_off_rules_alone(owned: World, take: Take) -> None:
    noise = rule(owned)
    assert take([line("203.0.113.1", port=22)], state="BB").rows_kept == 1
    actions.switch(noise, by=owned.lead, on=False)
    assert take([line("192.0.2.1", port=22)]).rows_kept == 1
    actions.switch(noise, by=owned.lead, on=True)
    assert take([line("192.0.2.2", port=22)]).rows_kept == 0
    actions.remove_rule(noise, by=owned.lead)
    assert take([line("192.0.2.3", port=22)]).rows_kept == 1


def test_it_forgets_a_rule_of_an_organisation_that_is_gone_and_says_so(owned: World, take: Take) -> None:
    other = raised(owned, line='org:"National Bank"')
    owned.bank.name = "Bank of the Nation"
    owned.bank.save()
    assert take([line("198.51.100.1")]).rows_kept == 1
    assert Finding.objects.get().rule == ""
    assert "There is no organisation" in str(queries.broken([other])[other.pk])


def test_it_follows_the_latest_sighting_of_a_finding(owned: World, take: Take) -> None:
    up = raised(owned)
    take([line("192.0.2.1", days_ago=2)])
    actions.remove_rule(up, by=owned.lead)
    take([line("192.0.2.1", days_ago=1)])
    assert list(Finding.objects.values_list("rule", "severity", "count")) == [("", 4, 2)]
    raised(owned)
    take([line("192.0.2.1", days_ago=3)])
    assert list(Finding.objects.values_list("rule", "count")) == [("", 3)]
    take([line("192.0.2.1", days_ago=0)])
    assert list(Finding.objects.values_list("rule", "severity", "count")) == [("up", 5, 4)]


def test_it_counts_dropped_rows_again_after_a_crash(
    owned: World, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies between the commit and the counts, and the rule changes before the file is gone on with."""
    from atalaya.apps.events import actions as events
    from atalaya.apps.events.rules import running as rules

    noise = rule(owned)
    real, dies = events._save_counts, True

    def dying(*given: Any) -> None:
        if dies:
            raise KeyboardInterrupt
        real(*given)

    monkeypatch.setattr(events, "_save_counts", dying)
    with pytest.raises(KeyboardInterrupt):
        take([line("192.0.2.1"), line("192.0.2.2", port=22), line("192.0.2.3", port=22)])
    dies = False
    actions.remove_rule(noise, by=owned.lead)
    assert not rules.rules_of("TT")
    done = events.process(Ingest.objects.get().pk)
    assert (done.rows_read, done.rows_kept, done.rows_rejected) == (3, 1, 2)
    assert done.rejects.aggregate(rows=Sum("count"))["rows"] == 2
    assert done.rejects.get().reason == "Dropped by the rule noise: Our own scanner."
    assert RuleHit.objects.get().count == 2


# -- changing the table --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"line": "port:"}, "line"), ({"line": ""}, "line"), ({"line": "since:7d"}, "line"), ({"line": "org:nobody"}, "line"),
        ({"line": "class:scaner"}, "line"), ({"reason": " "}, "reason"), ({"severity": "high"}, "what"),
        ({"what": "change"}, "what"), ({"what": "change", "type": "nothing"}, "type"),
        ({"what": "change", "identifier": "Not So"}, "identifier"), ({"what": "change", "severity": "awful"}, "severity"),
        ({"what": "change", "at_once": True, "hold": True}, "hold"), ({"what": "change", "role": "press"}, "role"),
        ({"code": "Not a code"}, "code"), ({"name": ""}, "name"), ({"fits": "{"}, "fits"),
        ({"fits": '{"source.port": 23}'}, "fits"), ({"spares": '{"source.port": 22}'}, "spares"),
        ({"fits": '{"no.field": 23}'}, "fits"), ({"fits": '{"source.port": "22"}'}, "fits"),
        ({"spares": '{"source.ip": "a.b.c.d"}'}, "spares"), ({"fits": '{"source.port": 1' + "0" * 30 + "}"}, "fits"),
        ({"fits": '{"time.source": "soon"}'}, "fits"), ({"fits": '{"malware.name": "\\ud800"}'}, "fits"),
        ({"fits": '{"source.tor_node": 1.5}'}, "fits"), ({"fits": '{"feed.accuracy": true}'}, "fits"),
        ({"fits": '{"owners": ["x"]}'}, "fits"), ({"fits": '{"time.source": "0001-01-01T00:00:00+14:00"}'}, "fits"),
    ],
)  # fmt: skip
def test_it_refuses_what_does_not_fit(owned: World, said: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput, match=f"^{field}: "):
        rule(owned, **({"code": "noise"} | said))
    assert not Rule.objects.exists()


def test_it_tries_the_events_that_a_rule_must_fit_with_their_owners_of_today(owned: World) -> None:
    mine = '{"source.ip": "192.0.2.7", "time.source": "2026-11-01T10:00:00+00:00"}'
    kept = rule(owned, line='org:"Port Authority"', fits=mine, spares='{"source.ip": "198.51.100.7"}\n{}')
    assert kept.pk is not None
    with pytest.raises(BadInput, match=r"Event 1 does not fit"):
        rule(owned, "other", line='org:"National Bank"', fits=mine)


def test_it_refuses_another_states_organisation(owned: World) -> None:
    with pytest.raises(BadInput, match="^tell: "):
        raised(owned, tell=owned.foreign_organisation)


@pytest.mark.parametrize("who", ["handler", "reader", "member", "foreign_handler"])
def test_it_lets_only_those_change_it_who_may_write_feeds(owned: World, who: str) -> None:
    kept, user = rule(owned), getattr(owned, who)
    for change in (
        lambda: actions.save_rule(kept, by=user),
        lambda: actions.switch(kept, by=user, on=False),
        lambda: actions.move(kept, by=user, up=True),
        lambda: actions.remove_rule(kept, by=user),
        lambda: actions.replace_table([], by=user, state="TT"),
    ):
        with pytest.raises(NotAllowed):
            change()
    assert queries.in_table(owned.handler).get() == kept
    assert not queries.visible_to(owned.member) and not queries.visible_to(owned.foreign_handler)


def test_it_keeps_places_and_writes_down_who_did_what(owned: World) -> None:
    first, second, third = (rule(owned, code) for code in ("first", "second", "third"))
    actions.move(third, by=owned.lead, up=True)
    assert codes() == ["first", "third", "second"]
    actions.move(first, by=owned.lead, up=False)
    actions.move(second, by=owned.lead, up=False)
    assert codes() == ["third", "first", "second"]
    first.refresh_from_db()
    first.reason = "Another one."
    actions.save_rule(first, by=owned.admin)
    assert codes() == ["third", "first", "second"]
    changed = Record.objects.filter(verb="events.rule.changed").get()
    assert changed.detail == {"code": "first", "reason": ["Our own scanner.", "Another one."]}
    actions.remove_rule(first, by=owned.lead)
    assert codes() == ["third", "second"]
    assert list(Rule.objects.filter(removed_at=None).values_list("position", flat=True)) == [1, 2]
    again = rule(owned, "first")
    assert codes() == ["third", "second", "first"] and Rule.objects.count() == 3 and again.pk == first.pk
    with pytest.raises(BadInput, match="already"):
        rule(owned, "first")
    assert verify().ok


# -- one file ------------------------------------------------------------------------------------------------------------


def test_it_goes_out_and_in_unchanged(owned: World) -> None:
    rule(
        owned, fits='{"source.port": 22, "source.account": "a\\u2028b"}', until=NOW.date() + timedelta(days=9)
    )
    raised(
        owned,
        type="c2-server",
        identifier="x",
        at_once=True,
        tell=owned.bank,
        role="management",
        reason='Say "é"\x7f\\',
    )
    rule(
        owned,
        "leave",
        what="leave",
        line='org:"Port Authority" or (port:1 -class:"x y")',
        spares="{}",
        active=False,
    )
    text = exchange.written(queries.in_table(owned.lead))
    before = list(Rule.objects.values("code", *actions.SAID, "position"))
    for one in Rule.objects.all():
        actions.remove_rule(one, by=owned.lead)
    counts = actions.replace_table(exchange.read(text, "TT"), by=owned.lead, state="TT")
    assert counts == {"added": 3, "changed": 0, "removed": 0}
    assert list(Rule.objects.values("code", *actions.SAID, "position")) == before
    assert exchange.written(queries.in_table(owned.lead)) == text
    again = actions.replace_table(exchange.read(text, "TT"), by=owned.lead, state="TT")
    assert again == {"added": 0, "changed": 0, "removed": 0}


def test_it_replaces_the_table_or_leaves_it(owned: World) -> None:
    rule(owned)
    raised(owned)
    good = '[[rule]]\ncode = "up"\nname = "Up"\nwhen = "port:1"\nseverity = "high"\nreason = "x"\n'
    with pytest.raises(BadInput, match="^bad: line: "):
        actions.replace_table(
            exchange.read(good + good.replace('"up"', '"bad"').replace("port:1", "port:x"), "TT"),
            by=None,
            state="TT",
        )
    assert codes() == ["noise", "up"]
    assert actions.replace_table(exchange.read(good, "TT"), by=None, state="TT") == {
        "added": 0, "changed": 1, "removed": 1,
    }  # fmt: skip
    assert codes() == ["up"]


@pytest.mark.parametrize(
    "text",
    [
        "rule = 1", "[[rule]]\nnope = 1", "[[rule]]\ncode = 1", "x = 2", "[[rule]]\nuntil = 2026-01-01T00:00:00", "[rule",
        '[[rule]]\nfits = [1]', '[[rule]]\nname = "a\\u0000"', '[[rule]]\ntell = "Nobody"', '[[rule]]\nwhat = "shout"',
        f'[[rule]]\nname = "{"x" * 200}"', '[[rule]]\nactive = "yes"',
    ],
)  # fmt: skip
def test_it_refuses_a_file_that_is_no_table(owned: World, text: str) -> None:
    with pytest.raises(BadInput):
        exchange.read(text, "TT")


def test_it_names_the_same_code_twice(owned: World) -> None:
    one = '[[rule]]\ncode = "up"\nname = "Up"\nwhen = "port:1"\nseverity = "high"\nreason = "x"\n'
    with pytest.raises(BadInput, match="same code"):
        actions.replace_table(exchange.read(one + one, "TT"), by=None, state="TT")


# -- trying it -----------------------------------------------------------------------------------------------------------


def test_it_tries_a_rule_on_events_as_they_came_behind_earlier_ones(owned: World, take: Take) -> None:
    first = rule(owned, "first", what="change", line="port:3389 ip:192.0.2.1", type="scanner")
    take(
        [
            line("192.0.2.1"),
            line("192.0.2.2"),
            line("198.51.100.1"),
            line("10.0.0.1"),
            line("192.0.2.9", days_ago=20),
        ]
    )
    asked = Rule(
        state=owned.state, code="next", line="class:vulnerable-system", what="change", severity="critical"
    )
    found = trying.tried(asked, 7)
    assert (found.found.looked, found.found.count, found.found.taken) == (4, 3, 1)
    assert {(one.organisation, one.events, one.findings) for one in found.owners} == {
        (owned.port, 1, 1), (owned.bank, 1, 1), (None, 1, 1),
    }  # fmt: skip
    assert all(after == {"severity": "critical"} for _event, _line, after in found.examples)
    again = trying.tried(first, 30)
    assert (again.found.looked, again.found.count) == (5, 1), "its own event counts as it came"
    ((event, example, after),) = again.examples
    assert event["classification_type"] == "vulnerable-system" and after["classification_type"] == "scanner"
    assert json.loads(example)["source.ip"] == "192.0.2.1"
    first.fits = example
    assert list(running.problems(first)) == []
    assert not Rule.objects.filter(code="next").exists()


def test_it_tries_a_rule_on_nothing(owned: World) -> None:
    found = trying.tried(Rule(state=owned.state, code="next", line="port:1", what="drop"))
    assert (found.found.looked, found.found.count, found.found.taken, found.examples) == (0, 0, 0, [])


def test_it_writes_an_event_as_a_line_that_reads_as_the_same(owned: World, take: Take) -> None:
    take([line("192.0.2.1", **{"malware.name": 'a"b'})])
    event = event_table().rows(ALL).row(0, named=True)
    told = json.loads(examples.line_of(event))
    assert told["malware.name"] == 'a"b' and told["time.source"] == event["time_source"].isoformat()
    assert list(running.problems(Rule(
        state=owned.state, code="x", name="x", reason="x", line="severity:high ip:192.0.2.1", what="drop", fits=json.dumps(told)
    ))) == []  # fmt: skip


def test_it_runs_from_the_command_line(
    owned: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from atalaya.site import cli
    from atalaya.site.commands import rules as command

    monkeypatch.setattr(command, "open_node", lambda: None)
    rule(owned)
    file = tmp_path / "rules.toml"
    assert cli.main(["rules", "export", str(file)]) == 0
    assert cli.main(["rules", "check", str(file)]) == 0
    assert cli.main(["rules", "import", str(file)]) == 0
    assert cli.main(["rules", "list"]) == 0
    said = capsys.readouterr()
    assert "1 rules, 0 problems" in said.out and "port:22" in said.out
    assert "0 added, 0 changed, 0 removed" in said.err
    file.write_text(file.read_text().replace("port:22", "port:none,x"))
    assert cli.main(["rules", "check", str(file)]) == 1
    assert cli.main(["rules", "import", str(file)]) == 1
    assert "noise: when: x is not a number" in capsys.readouterr().out
    assert Rule.objects.get().line == "port:22"
    assert cli.main(["rules", "import", str(tmp_path / "none.toml")]) == 4
