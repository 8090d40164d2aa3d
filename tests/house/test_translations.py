"""Every string that a person sees exists in every language, with the same placeholders."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.house.source import ROOT, SRC, python

LOCALES = ("es", "fr", "pt_BR")
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[-#0 +]*\d*(?:\.\d+)?[sdifrxeEgG%]|\{\w*\}|</?\w+")

needs_gettext = pytest.mark.skipif(shutil.which("xgettext") is None, reason="gettext is not installed")


def placeholders(text: str) -> Counter[str]:
    return Counter(PLACEHOLDER.findall(text))


def entries(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Every message of a .po file that is in use: its text, its plural beside it, and the translations."""
    keep = ["msgattrib", "--no-obsolete", "--no-wrap", "--no-location", str(path)]
    text = subprocess.run(keep, capture_output=True, text=True, check=True).stdout
    for block in text.split("\n\n"):
        values = {"msgid": [], "msgid_plural": [], "msgstr": []}  # type: dict[str, list[str]]
        for kind, quoted in re.findall(
            r'^(msgid|msgid_plural|msgstr)(?:\[\d\])? ((?:".*"\n?)+)', block, re.M
        ):
            values[kind].append("".join(re.findall(r'"(.*)"', quoted)))
        if values["msgid"] and values["msgid"] != [""]:
            yield (values["msgid_plural"] or values["msgid"])[0], values["msgstr"]


def flaws(path: Path) -> Iterator[str]:
    """What is wrong with a .po file: untranslated, doubtful or with other placeholders."""
    for which in ("--untranslated", "--only-fuzzy"):
        listed = subprocess.run(
            ["msgattrib", which, "--no-obsolete", "--no-wrap", str(path)],
            capture_output=True,
            text=True,
            check=True,
        )
        yield from (
            f"{which[2:]}: {line}"
            for line in listed.stdout.splitlines()
            if line.startswith("msgid ") and line != 'msgid ""'
        )
    for text, translations in entries(path):
        for translation in translations:
            # The singular of a plural may say "one" in place of its number.
            if translation and not placeholders(translation) <= placeholders(text):
                yield f"other placeholders: {text} / {translation}"
            if len(translations) == 1 and translation and placeholders(translation) != placeholders(text):
                yield f"placeholders lost: {text} / {translation}"


def make_messages(tree: Path) -> None:
    """Collect the strings of the source in `tree` into its .po files, as a developer would."""
    locales = [argument for name in LOCALES for argument in ("-l", name)]
    command = ["-m", "django", "makemessages", *locales, "--no-location", "--no-wrap", "--keep-pot"]
    done = python(
        *command, cwd=tree, DJANGO_SETTINGS_MODULE="atalaya.site.settings", ATALAYA_DATA=str(tree / "data")
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source whose .po files hold exactly the strings of the source."""
    tree = tmp_path_factory.mktemp("messages")
    shutil.copytree(SRC, tree / "src" / "atalaya", ignore=shutil.ignore_patterns("__pycache__", "static"))
    make_messages(tree)
    return tree / "src" / "atalaya" / "web" / "locale"


@needs_gettext
@pytest.mark.parametrize("locale", LOCALES)
def test_it_has_every_string_in_every_language(collected: Path, locale: str) -> None:
    assert list(flaws(collected / locale / "LC_MESSAGES" / "django.po")) == []


@needs_gettext
@pytest.mark.parametrize("locale", LOCALES)
def test_it_has_no_string_that_nobody_uses(collected: Path, locale: str) -> None:
    text = (collected / locale / "LC_MESSAGES" / "django.po").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("#~ msgid")] == []


@needs_gettext
@pytest.mark.parametrize("locale", LOCALES)
def test_it_has_compiled_what_it_has_translated(locale: str, tmp_path: Path) -> None:
    folder = SRC / "web" / "locale" / locale / "LC_MESSAGES"
    subprocess.run(
        ["msgfmt", "--check", "-o", str(tmp_path / "django.mo"), str(folder / "django.po")], check=True
    )
    assert messages(tmp_path / "django.mo") == messages(folder / "django.mo"), (
        "run: django-admin compilemessages"
    )


def messages(path: Path) -> dict[object, str]:
    from gettext import GNUTranslations

    with path.open("rb") as file:
        return dict(vars(GNUTranslations(file))["_catalog"])


HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
GOOD = [
    'msgid "%(n)s rows"\nmsgstr "%(n)s filas"\n',
    'msgid "one row"\nmsgid_plural "%(n)s rows"\nmsgstr[0] "una fila"\nmsgstr[1] "%(n)s filas"\n',
    '#~ msgid "not used"\n#~ msgstr ""\n',
]
BAD = {
    'msgid "Sign in"\nmsgstr ""\n': "untranslated",
    '#, fuzzy\nmsgid "Sign in"\nmsgstr "Salir"\n': "only-fuzzy",
    'msgid "%(n)s rows"\nmsgstr "%(m)s filas"\n': "other placeholders",
    'msgid "{name} was told"\nmsgstr "Se le dijo"\n': "placeholders lost",
    'msgid "one row"\nmsgid_plural "%(n)s rows"\nmsgstr[0] "una fila"\nmsgstr[1] "%(m)s filas"\n': "other placeholders",
    'msgid "a <b>b</b>"\nmsgstr "a <b>b"\n': "placeholders lost",
}


@needs_gettext
@pytest.mark.parametrize("text, what", BAD.items())
def test_it_knows_a_bad_translation(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "x.po").write_text(HEAD + text, encoding="utf-8")
    assert any(flaw.startswith(what) for flaw in flaws(tmp_path / "x.po"))


@needs_gettext
@pytest.mark.parametrize("text", GOOD)
def test_it_lets_a_good_translation_pass(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.po").write_text(HEAD + text, encoding="utf-8")
    assert list(flaws(tmp_path / "x.po")) == []


def test_it_has_a_folder_for_each_language() -> None:
    assert {path.name for path in (ROOT / "src/atalaya/web/locale").iterdir() if path.is_dir()} >= set(
        LOCALES
    )
