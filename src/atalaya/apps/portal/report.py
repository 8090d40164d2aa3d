"""The report of an organisation's month: what there is to say, and the sheet of paper that says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from atalaya.apps.events.classes import SEVERITY_NAMES, class_name
from atalaya.apps.events.models import Finding, Mark
from atalaya.apps.events.queries import event_table, question_for
from atalaya.apps.notices.wording import wording
from atalaya.apps.people.models import User
from atalaya.apps.portal import exposure, outbound, pictures, queries
from atalaya.apps.registry.models import Organisation, Team
from atalaya.core import marking
from atalaya.core.draw import paper
from atalaya.core.draw.paper import BOLD, PLAIN
from atalaya.core.errors import NotAllowed
from atalaya.core.marking import Audience, Kind
from atalaya.core.schema.columns import SEVERITIES
from atalaya.web.numbers import day_in_words, whole

TLP = "amber"
"""What a report is marked with: figures about one organisation, for it and for those who act for it."""
CLASSES = 6
FIRST = 5


@dataclass(frozen=True)
class Row:
    """One class in the month: findings new in it, and open at its end, and the worst of these."""

    name: str
    new: int
    open: int
    severity: int


@dataclass(frozen=True)
class Month:
    """Everything that the report says, as numbers and words."""

    organisation: Organisation
    team: str
    first: date
    last: date
    events: int
    changed: exposure.Changed
    open: int
    worst: dict[int, int]
    solved_by_owner: int
    days_to_solve: int | None
    rows: list[Row]
    picture: pictures.Picture | None
    to_do: list[queries.ToDo]


def months(today: date, count: int = 12) -> list[date]:
    """First days of this month and those before it, the latest first."""
    found = [today.replace(day=1)]
    while len(found) < count:
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return found


def last_of(first: date) -> date:
    """The last day of the month that begins on this day."""
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def gather(user: User, organisation: Organisation, first: date) -> Month:
    """What the report of the month that begins on `first` has to say, as this user may see it."""
    sight, last = queries.Sight(user, organisation), min(last_of(first), timezone.localdate())
    days = [last - timedelta(days=back) for back in range(exposure.DAYS - 1, -1, -1)]
    counts = exposure.daily(sight.findings, days)
    said = _said(sight, first, last)
    team = Team.objects.filter(state=organisation.state_id, own=True).order_by("name").first()
    return Month(
        organisation=organisation,
        team=team.name if team else settings.CONFIG.node.name,
        first=first,
        last=last,
        events=_events(user, sight, first, last),
        changed=exposure.changed(sight.findings, sight.marks, first, last),
        open=sum(values[-1] for values in counts.values()),
        worst={rank: values[-1] for rank, values in counts.items()},
        solved_by_owner=len({one.finding_id for one in said}),
        days_to_solve=_days_to_solve(sight, said, first, last),
        rows=_rows(sight, first, last),
        picture=pictures.over_time(counts, days, height=190),
        to_do=queries.to_do(sight, most=FIRST),
    )


def _bounds(first: date, last: date) -> tuple[datetime, datetime]:
    return exposure.midnight(first), exposure.midnight(last + timedelta(days=1))


def _events(user: User, sight: queries.Sight, first: date, last: date) -> int:
    since, until = (moment.astimezone(UTC) for moment in _bounds(first, last))
    asked = {"since": since, "until": until}
    return sum(
        event_table().count(question_for(user, {**asked, "owner": str(pk)})) for pk in sight.family or []
    )


def _said(sight: queries.Sight, first: date, last: date) -> list[Mark]:
    """The owner's words of the month that something is solved, but those taken back."""
    since, until = _bounds(first, last)
    taken = Q(end__in=(Mark.End.TAKEN, Mark.End.REJECTED, Mark.End.AGAIN))
    solved = sight.marks.filter(kind=Mark.Kind.SOLVED, at__gte=since, at__lt=until)
    return list(solved.exclude(taken))


def _days_to_solve(sight: queries.Sight, said: Sequence[Mark], first: date, last: date) -> int | None:
    """Median days from the first sight to the owner's word, or to the last sight of what is gone; None without any."""
    since, until = _bounds(first, last)
    gone = sight.findings.filter(status=Finding.Status.GONE, changed_at__gte=since, changed_at__lt=until)
    spans = [mark.at - mark.finding.first_seen for mark in said]
    spans += [seen - begun for begun, seen in gone.values_list("first_seen", "last_seen")]
    return round(median(span / timedelta(days=1) for span in spans)) if spans else None


def _rows(sight: queries.Sight, first: date, last: date) -> list[Row]:
    since, until = _bounds(first, last)
    new = Q(first_seen__gte=since, first_seen__lt=until)
    rows = (
        sight.findings.exclude(status=Finding.Status.WRONG)
        .filter(first_seen__lt=until)
        .order_by()
        .values("type")
        .annotate(
            new=Count("pk", filter=new), open=Count("pk", filter=exposure.NOW), worst=Max("severity", filter=exposure.NOW)
        )
        .filter(Q(new__gt=0) | Q(open__gt=0))
        .order_by("-open", "-new", "type")[:CLASSES]
    )  # fmt: skip
    return [Row(class_name(r["type"]), r["new"], r["open"], r["worst"] or 0) for r in rows]


INK, SOFT, FAINT, LINE = (HexColor(code) for code in ("#14222d", "#4a5b69", "#576873", "#d8e0e6"))
NIGHT, LAMP, PAGE = (HexColor(code) for code in ("#0b2434", "#f4b63f", "#f3f6f8"))
SEVERITY = {5: "#b04a52", 4: "#d48a13", 3: "#9a7b4f", 2: "#0e6f95", 1: "#47b0ba", 0: "#8596a3"}
WIDTH, HEIGHT = A4
EDGE = 42
NAME_SIZES, SMALLEST_NAME = (19.0, 16.5, 14.0, 12.0), 11.0
"""Sizes of the organisation's name: the largest in which it fits into a line, or two lines of the smallest."""
ROOM = WIDTH - 2 * EDGE


class Sheet:
    """A page of A4 that is written from top to bottom. Lengths are in points."""

    def __init__(self, title: str, author: str, subject: str) -> None:
        paper.register_fonts()
        self.canvas = Canvas(None, pagesize=A4, lang=get_language() or "en", invariant=1)
        self.canvas.setTitle(title)
        self.canvas.setAuthor(author)
        self.canvas.setSubject(subject)
        self.top = HEIGHT

    def finish(self) -> bytes:
        """The file."""
        self.canvas.showPage()
        return bytes(self.canvas.getpdfdata())

    def text(
        self, words: str, *, x: float = EDGE, size: float = 9, bold: bool = False, colour: Any = INK,
        width: float = ROOM, lines: int = 9, leading: float = 1.38,
    ) -> None:  # fmt: skip
        """Words in lines of at most `width`; what does not fit into `lines` ends in dots."""
        font = BOLD if bold else PLAIN
        found = simpleSplit(words, font, size, width)
        if len(found) > lines:
            found = [*found[: lines - 1], found[lines - 1][:-1].rstrip() + "…"]
        self.canvas.setFillColor(colour)
        self.canvas.setFont(font, size)
        for line in found:
            self.top -= size * leading
            self.canvas.drawString(x, self.top, _cut(line, font, size, width))

    def heading(self, words: str) -> None:
        self.top -= 13
        self.text(words, size=11.5, bold=True)
        self.top -= 3

    def right(self, words: str, *, size: float = 9, colour: Any = INK, bold: bool = False) -> None:
        self.canvas.setFillColor(colour)
        self.canvas.setFont(BOLD if bold else PLAIN, size)
        self.canvas.drawRightString(WIDTH - EDGE, self.top, words)


def _cut(line: str, font: str, size: float, width: float) -> str:
    """The line, or as much of it as there is room for: a word alone can be too long for any line."""
    if stringWidth(line, font, size) <= width:
        return line
    room = next(n for n in range(len(line) - 1, -1, -1) if stringWidth(line[:n] + "…", font, size) <= width)
    return line[:room] + "…"


def as_pdf(month: Month) -> bytes:
    """The month on one sheet, in the language that is active now.

    Raises NotAllowed when its marking does not let it reach the owner.
    """
    decision = marking.may_leave(TLP, Audience(Kind.OWNER, needs_to_know=True))
    if not decision.allowed:
        raise NotAllowed(decision.reason)
    name = date_format(month.first, "F Y")
    sheet = Sheet(f"{month.organisation.name}: {name}", month.team, _("Report of the month"))
    _head(sheet, month, name)
    _tiles(sheet, month)
    _in_words(sheet, month)
    if month.picture:
        sheet.heading(_("Exposure over time"))
        sheet.text(month.picture.caption, size=8, colour=SOFT)
        sheet.top -= 4
        sheet.top -= paper.draw(sheet.canvas, month.picture.svg, x=EDGE, top=sheet.top, width=ROOM)
        _legend(sheet, month)
    _classes(sheet, month)
    _to_do(sheet, month)
    _foot(sheet, month)
    return sheet.finish()


def _head(sheet: Sheet, month: Month, name: str) -> None:
    canvas = sheet.canvas
    canvas.setFillColor(NIGHT)
    canvas.rect(0, HEIGHT - 88, WIDTH, 88, stroke=0, fill=1)
    canvas.setFillColor(LAMP)
    canvas.rect(0, HEIGHT - 91, WIDTH, 3, stroke=0, fill=1)
    sheet.top = HEIGHT - 18
    sheet.text(f"{_('Report of the month')} · {name}", size=9.5, colour=HexColor("#c8dae4"), width=ROOM - 90)
    owner, width = month.organisation.name, ROOM - 90
    size = next((size for size in NAME_SIZES if stringWidth(owner, BOLD, size) <= width), SMALLEST_NAME)
    sheet.top -= max(0.0, NAME_SIZES[0] - size * (1 if size > SMALLEST_NAME else 2))
    sheet.text(owner, size=size, bold=True, colour=HexColor("#ffffff"), width=width, lines=2)
    sheet.top -= 2
    sheet.text(month.team, size=8.5, colour=HexColor("#9db8c7"), lines=1)
    label, box = marking.label(TLP), 74
    canvas.setFillColor(HexColor("#000000"))
    canvas.roundRect(WIDTH - EDGE - box, HEIGHT - 48, box, 20, 3, stroke=0, fill=1)
    canvas.setFillColor(HexColor("#ffc000"))
    canvas.setFont(BOLD, 9)
    canvas.drawCentredString(WIDTH - EDGE - box / 2, HEIGHT - 41, label)
    sheet.top = HEIGHT - 104


def _tiles(sheet: Sheet, month: Month) -> None:
    tiles = [
        (month.open, _("open at the end"), "#a8242f"),
        (month.changed.opened, _("new in the month"), "#c97f0a"),
        (month.solved_by_owner, _("solved by you"), "#17694a"),
        (month.changed.gone, _("not seen any more"), "#17694a"),
        (month.changed.again, _("solved, seen again"), "#a8242f"),
    ]
    gap, high = 8, 46
    wide = (ROOM - gap * (len(tiles) - 1)) / len(tiles)
    for at, (count, label, colour) in enumerate(tiles):
        x, y = EDGE + at * (wide + gap), sheet.top - high
        sheet.canvas.setFillColor(PAGE)
        sheet.canvas.roundRect(x, y, wide, high, 4, stroke=0, fill=1)
        sheet.canvas.setFillColor(HexColor(colour if count else "#b9c6d0"))
        sheet.canvas.rect(x, y, 3, high, stroke=0, fill=1)
        sheet.canvas.setFont(BOLD, 17)
        sheet.canvas.setFillColor(INK)
        sheet.canvas.drawString(x + 11, y + 22, whole(count))
        sheet.canvas.setFont(PLAIN, 8)
        sheet.canvas.setFillColor(SOFT)
        sheet.canvas.drawString(x + 11, y + 9, label)
    sheet.top -= high


def _in_words(sheet: Sheet, month: Month) -> None:
    """The month in two sentences."""
    said = [
        _("From %(first)s to %(last)s the team saw %(events)s observations about your networks.")
        % {
            "first": day_in_words(month.first, year=False),
            "last": day_in_words(month.last, year=True),
            "events": whole(month.events),
        }
    ]
    if month.days_to_solve is not None:
        said.append(_("Half of what was mended took %(days)s days or less.") % {"days": month.days_to_solve})
    said.append(
        _("%(count)s findings had gone and came back.") % {"count": month.changed.back}
        if month.changed.back
        else _("Nothing that had gone came back.")
    )
    sheet.top -= 7
    sheet.text(" ".join(said), size=9.5, lines=3)


def _legend(sheet: Sheet, month: Month) -> None:
    sheet.top -= 12
    x = float(EDGE + 26)
    for rank, count in ((rank, count) for rank, count in month.worst.items() if count):
        words = f"{SEVERITY_NAMES[rank]}: {count}"
        sheet.canvas.setFillColor(HexColor(SEVERITY[rank]))
        sheet.canvas.roundRect(x, sheet.top - 1, 7, 7, 1.5, stroke=0, fill=1)
        sheet.canvas.setFillColor(SOFT)
        sheet.canvas.setFont(PLAIN, 8)
        sheet.canvas.drawString(x + 11, sheet.top - 0.5, words)
        x += 26 + sheet.canvas.stringWidth(words, PLAIN, 8)


def _classes(sheet: Sheet, month: Month) -> None:
    if not month.rows:
        return
    sheet.heading(_("What was seen"))
    columns = ((_("Class"), EDGE, False), (_("Worst"), EDGE + 300, False), (_("New"), EDGE + 430, True),
               (_("Open now"), WIDTH - EDGE, True))  # fmt: skip
    _row(sheet, [(label, x, right) for label, x, right in columns], colour=FAINT, size=8)
    for row in month.rows:
        worst = str(SEVERITY_NAMES[row.severity]) if row.open else "–"
        cells = (row.name, worst, str(row.new), str(row.open))
        places = [(cell, x, right) for cell, (_label, x, right) in zip(cells, columns, strict=True)]
        _row(sheet, places, colour=INK, size=9)


def _row(sheet: Sheet, cells: Sequence[tuple[str, float, bool]], *, colour: Any, size: float) -> None:
    sheet.top -= 14
    sheet.canvas.setFillColor(colour)
    sheet.canvas.setFont(PLAIN, size)
    for words, x, right in cells:
        (sheet.canvas.drawRightString if right else sheet.canvas.drawString)(x, sheet.top, words)
    sheet.canvas.setStrokeColor(LINE)
    sheet.canvas.setLineWidth(0.6)
    sheet.canvas.setDash()
    sheet.canvas.line(EDGE, sheet.top - 4.2, WIDTH - EDGE, sheet.top - 4.2)


def _to_do(sheet: Sheet, month: Month) -> None:
    """What to do first, as far as there is room: each matter with its machines and its first step."""
    sheet.heading(_("What to do first"))
    if not month.to_do:
        sheet.text(_("Nothing is open. The lamp is lit, and the sea is calm."))
        return
    for number, one in enumerate(month.to_do, 1):
        if sheet.top < 96:
            return
        sheet.canvas.setFillColor(HexColor(SEVERITY[one.matter.severity]))
        sheet.canvas.circle(EDGE + 7, sheet.top - 9.5, 7, stroke=0, fill=1)
        sheet.canvas.setFillColor(HexColor("#ffffff"))
        sheet.canvas.setFont(BOLD, 9)
        sheet.canvas.drawCentredString(EDGE + 7, sheet.top - 12.6, str(number))
        severity = wording(get_language() or "en").severity(SEVERITIES[one.matter.severity])
        count = ngettext(
            "%(count)s machine or account, for %(days)s days",
            "%(count)s machines or accounts, the oldest for %(days)s days",
            one.matter.count,
        ) % {"count": one.matter.count, "days": one.days}
        inner: dict[str, Any] = {"x": EDGE + 22, "width": ROOM - 22}
        sheet.text(f"{one.name} ({severity}): {count}", bold=True, lines=1, **inner)
        cleared = outbound.cleared(one.findings)
        machines = [_machine(finding) for finding in one.findings if finding.pk in cleared]
        sheet.text(", ".join(machines), size=8, colour=FAINT, lines=1, **inner)
        sheet.text(one.topic.steps[0] if one.topic.steps else one.topic.why, colour=SOFT, lines=2, **inner)
        sheet.top -= 6


def _machine(finding: Finding) -> str:
    host = f"[{finding.address}]" if finding.port and ":" in finding.address else finding.address
    return f"{host}:{finding.port}" if finding.port else host


def _foot(sheet: Sheet, month: Month) -> None:
    sheet.top = 44
    sheet.canvas.setStrokeColor(LINE)
    sheet.canvas.line(EDGE, 46, WIDTH - EDGE, 46)
    meaning = wording(get_language() or "en").marking(TLP)
    sheet.text(f"{marking.label(TLP)}. {meaning}", size=7.5, colour=FAINT, width=ROOM - 110, lines=2)
    sheet.top = 34
    sheet.right(f"{settings.CONFIG.node.name} · {timezone.localdate():%Y-%m-%d}", size=7.5, colour=FAINT)
