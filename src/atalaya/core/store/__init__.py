"""The event table (Delta Lake) and the questions it answers."""

from atalaya.core.store.question import Question, Scope
from atalaya.core.store.reading import Answer
from atalaya.core.store.table import EventTable

__all__ = ["Answer", "EventTable", "Question", "Scope"]
