"""What a fetch says, in the reader's language: every sentence of the wire."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import translation

from atalaya.apps.collection import words

SOURCE = Path(words.__file__).parents[2]
FILES = [
    *(SOURCE / "wire" / f"{name}.py" for name in ("guard", "http", "imap", "misp", "paging", "shadowserver", "taxii")),
    *(SOURCE / "apps" / "collection" / f"{name}.py" for name in ("actions", "gathering")),
]  # fmt: skip
ERRORS = {
    "AtalayaError", "BadInput", "ConfigError", "Forbidden", "LineBroke", "NotTaken", "Refused", "Temporary", "TooLarge",
    "Unreachable",
}  # fmt: skip
NOT_HERE = ("is neither a host name nor a prefix",)
"""Of a setting that is read before there is any page."""


def sentences() -> Iterator[str]:
    """Each `what` and `advice` that the wire can raise, with a word in each of its places."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
                advice = [one.value for one in node.keywords if one.arg == "advice"]
                yield from filter(None, map(written, [*node.args[:1], *advice]))


def written(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(written(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return "17"
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


SENTENCES = sorted({one for one in sentences() if not any(part in one for part in NOT_HERE)})


def test_the_sentences_are_found() -> None:
    assert len(SENTENCES) > 50


@pytest.mark.parametrize("language", ["es", "fr", "pt-br"])
@pytest.mark.parametrize("sentence", SENTENCES)
def test_it_says_every_sentence_in_every_language(sentence: str, language: str) -> None:
    if sentence.startswith("The mail server does not 17"):
        return  # the next test has them
    with translation.override(language):
        assert words.told(sentence) != sentence


@pytest.mark.parametrize(
    ("english", "spanish"),
    [
        (
            "feeds.example.org answers 404 Not Found. Check the address.",
            "feeds.example.org responde 404 Not Found. Compruebe la dirección.",
        ),
        ("feeds.example.org answers 503.", "feeds.example.org responde 503."),
        ("The line broke: timed out.", "La conexión se cortó: timed out."),
        ("The line broke after 7 of 9 bytes.", "La conexión se cortó tras 7 de 9 bytes."),
        (
            "Shadowserver gives no list of reports. bad hmac Check key and secret.",
            "Shadowserver no da ninguna lista de informes. bad hmac Check key and secret.",
        ),
        (
            "The mail server does not open the folder Feeds/In: No such mailbox.",
            "El servidor de correo no abre la carpeta Feeds/In: No such mailbox.",
        ),
        (
            "The process ended in the middle of this fetch. The next one went on.",
            "El proceso terminó en medio de esta descarga. La siguiente continuó.",
        ),
        ("Something that nobody wrote. At all", "Something that nobody wrote. At all"),
        ("", ""),
    ],
)
def test_it_says_sentence_after_sentence(english: str, spanish: str) -> None:
    with translation.override("es"):
        assert words.told(english) == spanish
    with translation.override("en"):
        assert words.told(english) == english


def test_the_mail_servers_refusals_are_known() -> None:
    deeds = {
        written(node.args[1]).replace("17", "{folder}")
        for node in ast.walk(ast.parse((SOURCE / "wire" / "imap.py").read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_good"
    }
    assert len(deeds) == 6
    for deed in deeds:
        assert f"The mail server does not {deed}: {{error}}" in words.SENTENCES
