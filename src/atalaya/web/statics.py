"""Static files under names that carry their hash, so that browsers keep them for ever."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStatics(CompressedManifestStaticFilesStorage):
    """Falls back to the plain name when the manifest has not been made, as in tests."""

    manifest_strict = False
