"""What all measurements share: a figure with its goal, CPU time, and a fresh process for each measurement."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from atalaya.site.run import MEMORY

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Figure:
    """One measured number. `held` is None without a goal; `at_most` says on which side of the goal is good."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    at_most: bool = True
    held: bool | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.goal is not None:
            held = self.value <= self.goal if self.at_most else self.value >= self.goal
            object.__setattr__(self, "held", held)


@dataclass
class Cost:
    """CPU-seconds (user and system, ended children included) and wall seconds of a block."""

    cpu: float = 0.0
    wall: float = 0.0


@contextmanager
def cost() -> Iterator[Cost]:
    """Fill in what the block cost when it ends."""
    spent, cpu, wall = Cost(), cpu_seconds(), time.perf_counter()
    try:
        yield spent
    finally:
        spent.cpu, spent.wall = cpu_seconds() - cpu, time.perf_counter() - wall


def cpu_seconds() -> float:
    """CPU time of this process, all its threads and its ended children."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def peak_mib() -> float:
    """The most memory that this process has had resident at once, in MiB."""
    # Not `ru_maxrss`: a new process is given its parent's.
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmHWM:")).split()[1]) / 1024


def in_new_process(module: str, *arguments: str) -> dict[str, Any]:
    """Run `python -m MODULE ARGUMENTS` and return the JSON object on the last line that it prints.

    Product and peer alike run with the memory settings of a node's processes.
    """
    # A new process each time: memory freed by one measurement would hide what the next one takes.
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        env={**os.environ, **MEMORY},
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def median(values: Iterable[float]) -> float:
    """The middle one of several runs."""
    return statistics.median(values)
