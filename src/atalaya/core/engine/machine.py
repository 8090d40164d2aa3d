"""The Ray processes of one machine: with which environment and options they run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MIB = 1024 * 1024
SOURCES = Path(__file__).resolve().parents[3]
"""Where this package is."""
OWN_PORTS, PORTS = 10, 1010
"""Ports from `Machine.port` on: those of Ray's own processes, and all of them with those that do the pieces."""


def environment(token_file: str) -> Mapping[str, str]:
    """What every process that uses Ray must have in its environment before it imports it.

    No process reports to Ray's makers, and none obeys a process that does not know the secret in `token_file`: Ray
    listens on every address of the machine, and whoever it obeys runs what they like.
    """
    paths = [str(SOURCES), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {
        # Ray's own way of telling a new process where modules are comes too late now and then.
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_USAGE_STATS_PROMPT_ENABLED": "0",
        # Less than the supervisor gives its children before it ends them by force.
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "10",
        # Without a connection Ray would otherwise start processes of its own, for a forgotten piece.
        "RAY_ENABLE_AUTO_CONNECT": "0",
        # Metrics for a Prometheus that nobody has: a port less.
        "RAY_enable_metrics_collection": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": token_file,
    }


def prepare(token_file: str) -> None:
    """Give this process that environment."""
    os.environ.update(environment(token_file))


@dataclass(frozen=True)
class Machine:
    """One machine of a cluster.

    `first` is HOST:PORT of the first machine, "" on that one itself; `own` the address by which the others reach this one.
    `cores` (0: all) and `memory_mb` are what it gives.
    """

    own: str
    port: int
    first: str = ""
    cores: int = 0
    memory_mb: int = 1024

    @property
    def address(self) -> str:
        """HOST:PORT under which the cluster is reached."""
        return self.first or f"{self.own}:{self.port}"

    def arguments(self) -> list[str]:
        """What `ray start` is given: stay in the foreground, on ports that a firewall can name."""
        where = (
            [f"--address={self.first}"]
            if self.first
            else [
                "--head",
                f"--port={self.port}",
                "--include-dashboard=false",
                f"--dashboard-port={self.port + 6}",
            ]
        )
        node, store, low = self.port + 1, self.port + 2, self.port + 3
        ports = [f"--node-manager-port={node}", f"--object-manager-port={store}"]
        agents = [
            f"--dashboard-agent-grpc-port={low}",
            f"--dashboard-agent-listen-port={low + 1}",
            f"--runtime-env-agent-port={low + 2}",
        ]
        workers = [
            f"--min-worker-port={self.port + OWN_PORTS}",
            f"--max-worker-port={self.port + PORTS - 1}",
        ]
        given = [f"--object-store-memory={self.memory_mb * MIB}"]
        given += [f"--num-cpus={self.cores}"] if self.cores else []
        return [
            "start", *where, f"--node-ip-address={self.own}", "--block", "--disable-usage-stats",
            *ports, *agents, *workers, *given,
        ]  # fmt: skip
