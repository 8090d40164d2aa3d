"""What stands in static/: vendored files as declared, our own without eval and with both themes alike."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "src/atalaya/web/static"
TEMPLATES = [path for path in (ROOT / "src/atalaya").rglob("*.html") if "templates" in path.parts]


def _vendor() -> ModuleType:
    spec = importlib.util.spec_from_file_location("vendor", ROOT / "tools/vendor.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_ships_vendored_files_unchanged_and_with_their_licence() -> None:
    assert _vendor().problems() == []


def test_it_notices_a_changed_vendored_file(tmp_path: Path) -> None:
    vendor = _vendor()
    for path in vendor.FOLDER.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes() + b" ")
    (tmp_path / "other.js").write_text("")
    vendor.FOLDER = tmp_path
    assert len(vendor.problems()) == 2


def test_it_has_the_same_dark_colours_for_the_device_and_for_the_choice() -> None:
    css = (STATIC / "atalaya.css").read_text(encoding="utf-8")
    device = re.search(r':root:not\(\[data-theme="light"\]\) \{(.*?)\}', css, re.S)
    choice = re.search(r'^:root\[data-theme="dark"\] \{(.*?)\}', css, re.S | re.M)
    assert device and choice
    assert device[1].split() == choice[1].split()


def test_it_uses_only_icons_that_are_drawn() -> None:
    sprite = ET.parse(STATIC / "icons.svg")
    drawn = {symbol.get("id") for symbol in sprite.iter("{http://www.w3.org/2000/svg}symbol")}
    used = {
        (path.name, name)
        for path in TEMPLATES
        for name in re.findall(r'{%\s*icon "([\w-]+)"', path.read_text("utf-8"))
    }
    assert {(path, name) for path, name in used if name not in drawn} == set()


def test_it_has_no_inline_script_style_or_handler_in_any_template() -> None:
    bad = re.compile(
        r"<style|\sstyle=|\son[a-z]+=[\"']|<script(?![^>]*\ssrc=)|hx-on|hx-vals=.js:|javascript:|hx-live",
        re.I,
    )
    found = {str(path.relative_to(ROOT)): bad.findall(path.read_text("utf-8")) for path in TEMPLATES}
    assert {path: hits for path, hits in found.items() if hits} == {}


def test_it_asks_no_other_origin() -> None:
    pattern = re.compile(r'(?:src|href|action|url\()\s*=?\s*["\']?(https?:)?//', re.I)
    sources = [*TEMPLATES, STATIC / "atalaya.css", STATIC / "atalaya.js"]
    assert [str(path) for path in sources if pattern.search(path.read_text("utf-8"))] == []
