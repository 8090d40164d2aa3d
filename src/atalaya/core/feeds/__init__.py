"""Feeds as declarations: which file is which feed, and what its columns mean."""

from __future__ import annotations

from atalaya.core.feeds.checking import Problem, check
from atalaya.core.feeds.declaration import Example, Feed, Mapped, Target
from atalaya.core.feeds.finding import Catalogue, catalogue
from atalaya.core.feeds.reading import read, recognise

__all__ = [
    "Catalogue",
    "Example",
    "Feed",
    "Mapped",
    "Problem",
    "Target",
    "catalogue",
    "check",
    "read",
    "recognise",
]
