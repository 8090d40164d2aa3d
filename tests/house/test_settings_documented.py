"""Every setting stands in docs/settings.md, as it is."""

from __future__ import annotations

import dataclasses

from tests.house.settings_page import PAGE, page

from atalaya.site.config import SECTIONS, variable


def test_it_documents_every_setting_as_it_is() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.house.settings_page"


def test_it_names_every_setting_and_its_meaning() -> None:
    text = page()
    for section, kind in SECTIONS.items():
        assert f"## [{section}]" in text
        for field in dataclasses.fields(kind):
            assert variable(section, field.name) in text
            assert field.metadata["help"].replace("|", "\\|") in text
