"""The one error base: what failed, whether trying again helps, what the person can do."""

from __future__ import annotations


class AtalayaError(Exception):
    """An error a person will read.

    `what` says what failed and where, `advice` what the person can do about it. `permanent` tells
    a job whether trying the same thing again can help (False) or cannot (True).
    """

    permanent = True

    def __init__(self, what: str, *, advice: str = "", permanent: bool | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice
        if permanent is not None:
            self.permanent = permanent

    def __str__(self) -> str:
        return f"{self.what} {self.advice}".strip()


class BadInput(AtalayaError):
    """Input from outside that is refused: the message names the file, row and field."""


class TooLarge(BadInput):
    """Input from outside that is over a limit of `core.limits`."""


class NotAllowed(AtalayaError):
    """The asker may not do this. Says nothing about what exists."""


class Temporary(AtalayaError):
    """Something outside is not there now: trying again later can help."""

    permanent = False


class NoRoom(Temporary):
    """The disk is full. Whoever tries again does not count this attempt: only a person can help."""

    def __init__(self) -> None:
        super().__init__(
            "There is no room left on the disk.", advice="Free some: what waits is then done by itself."
        )


class ConfigError(AtalayaError):
    """A setting is unknown or has a bad value: names the key and the allowed ones."""
