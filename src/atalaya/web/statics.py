"""Static files under names that carry their hash, so that browsers keep them for ever."""

from __future__ import annotations

from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage  # type: ignore[import-untyped]


class HashedStatics(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Falls back to the plain name while the files have not been collected, as in tests: a page without
    its colours is better than no page."""

    manifest_strict = False

    def hashed_name(self, name: str, content: Any = None, filename: str | None = None) -> str:
        try:
            return str(super().hashed_name(name, content, filename))
        except ValueError:
            return name
