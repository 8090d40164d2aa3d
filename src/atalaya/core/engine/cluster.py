"""The engine of several machines: Ray. A piece whose process dies is done again by another one.

Ray is an extra that most nodes never install, so it is imported when a piece is first sent. Its processes are started by
`machine`, one set on each machine.
"""

from __future__ import annotations

import importlib.util
import signal
import socket
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from typing import Any

import numpy as np
import polars as pl

from atalaya.core.engine import machine
from atalaya.core.engine.base import Made, Piece, Shared
from atalaya.core.engine.local import LOCAL
from atalaya.core.errors import AtalayaError, ConfigError, Temporary

RETRIES = 3
"""Times that a piece is done again when processes die under it."""
SECONDS = 5
"""How long the first machine may take to take a connection."""
KEPT = 4
"""Shared things that a process keeps for pieces to come."""


class Cluster:
    """See `base.Engine`. Connects when it is first needed; safe for threads.

    `address` is HOST:PORT of the first machine's Ray, "" for a small Ray of this process alone (tests). At most `ahead`
    pieces are on their way. `token_file` holds the secret without which Ray's processes refuse each other. `options` are
    those of `ray.init`.
    """

    def __init__(self, address: str, *, token_file: str, ahead: int = 8, **options: Any) -> None:
        self._address, self._ahead, self._token_file, self._options = address, ahead, token_file, options
        self._lock = threading.Lock()
        self._ray: Any = None
        self._run: Any = None

    def map(
        self, function: Callable[[Piece, Shared], Made], pieces: Iterable[Piece], shared: Shared
    ) -> Iterator[Made]:
        """See `base.Engine.map`. One piece alone is done here: sending it would cost more."""
        coming = _UntilError(pieces)
        first = list(islice(coming, 2))
        if len(first) < 2:
            yield from LOCAL.map(function, first, shared)
        else:
            yield from self._map(function, chain(first, coming), shared)
        if coming.error is not None:
            raise coming.error

    def _map(
        self, function: Callable[[Piece, Shared], Made], pieces: Iterator[Piece], shared: Shared
    ) -> Iterator[Made]:
        self.connect()
        # In a list, because Ray would otherwise unpack it anew for each piece.
        run, told = self._run, [self._ray.put(shared)]
        waiting: deque[Any] = deque()
        try:
            for piece in pieces:
                waiting.append(run.remote(function, piece, told))
                if len(waiting) >= self._ahead:
                    yield self._taken(waiting.popleft())
            while waiting:
                yield self._taken(waiting.popleft())
        finally:
            if self._run is not None:
                for left in waiting:
                    self._ray.cancel(left)

    def _taken(self, reference: Any) -> Any:
        try:
            made = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            # What a stage raised that is no error for people: a mistake of ours, shown as it was.
            raise error.cause if isinstance(error.cause, Exception) else error from None
        except self._ray.exceptions.RayError as error:
            # Perhaps the first machine started anew: the next try connects afresh.
            self.close()
            raise Temporary(
                f"The cluster could not do a piece of work: {str(error).strip().splitlines()[0]}",
                advice="Look whether its machines are up and have memory: `ray status` on the first one.",
            ) from error
        if isinstance(made, AtalayaError):
            raise made
        return made

    def connect(self) -> None:
        """Reach the cluster. Raises ConfigError when Ray is not installed, Temporary when nobody answers."""
        with self._lock:
            self._ray = _ray(self._token_file)
            try:
                knock(self._address)
                if self._run is None:
                    self._init()
            except (OSError, RuntimeError, self._ray.exceptions.RayError) as error:
                self._leave()
                raise Temporary(
                    f"The cluster at {self._address or 'this machine'} does not answer: {error}",
                    advice="Is the first machine up, and is [engine] first right?",
                ) from error

    def _init(self) -> None:
        where = (
            {"address": self._address} if self._address else {"address": "local", "include_dashboard": False}
        )
        with _own_signals():
            self._ray.init(**where, log_to_driver=False, configure_logging=False, **self._options)
        _teach(self._ray)
        self._run = self._ray.remote(_run).options(max_retries=RETRIES)

    def close(self) -> None:
        """Let the cluster go; a Ray of this process alone ends."""
        with self._lock:
            self._leave()

    def _leave(self) -> None:
        if self._run is not None:
            self._ray.shutdown()
            self._run = None


class _UntilError:
    """Pieces up to the one that could not be made: what was made before it is still worth doing."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._pieces = iter(pieces)
        self.error: AtalayaError | None = None

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return next(self._pieces)
        except AtalayaError as error:
            self.error, self._pieces = error, iter(())
            raise StopIteration from None


def need_ray() -> None:
    """Raises ConfigError when Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise ConfigError(
            "[engine] kind is cluster, but Ray is not installed.",
            advice="Start the node with `./atalaya up`, which installs it, or run: "
            "pip install --require-hashes -r requirements-cluster.lock",
        )


def _ray(token_file: str) -> Any:
    need_ray()
    machine.prepare(token_file)
    return importlib.import_module("ray")


def knock(address: str, *, seconds: float = SECONDS) -> None:
    """Raises OSError where nobody listens: Ray itself would try for minutes, or end this process."""
    host, _, port = address.rpartition(":")
    if host:
        socket.create_connection((host, int(port)), timeout=seconds).close()


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep what this process does at SIGTERM: Ray puts an end at once in its place, and a worker ends its job first."""
    main = threading.current_thread() is threading.main_thread()
    usual = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGTERM, usual)


# -- in the processes of the cluster -----------------------------------------------------------------------------------

_known: OrderedDict[str, Any] = OrderedDict()
"""What was shared with this process, the last used one last."""


def _run(function: Callable[[Any, Any], Any], piece: Any, told: list[Any]) -> Any:
    """One piece, in a process of the cluster. An error for people is an answer: Ray would wrap it."""
    try:
        return function(piece, _shared(told[0]))
    except AtalayaError as error:
        return error


def _shared(reference: Any) -> Any:
    """What a reference stands for, unpacked once in each process."""
    name = reference.hex()
    if name not in _known:
        ray = importlib.import_module("ray")
        _teach(ray)
        _known[name] = ray.get(reference)
        while len(_known) > KEPT:
            _known.popitem(last=False)
    _known.move_to_end(name)
    return _known[name]


def _teach(ray: Any) -> None:
    """Let tables travel as packed Arrow streams: less CPU time than polars' own way, and a seventh of the bytes, which
    would otherwise fill the shared memory and the network."""
    ray.util.register_serializer(pl.DataFrame, serializer=_packed, deserializer=_unpacked)


def _packed(table: pl.DataFrame) -> np.ndarray[Any, np.dtype[np.uint8]]:
    # An array is laid into shared memory as it is; bytes would be copied once more.
    stream = table.write_ipc_stream(None, compression="lz4", compat_level=pl.CompatLevel.newest())
    return np.frombuffer(stream.getbuffer(), np.uint8)


def _unpacked(stream: np.ndarray[Any, np.dtype[np.uint8]]) -> pl.DataFrame:
    return pl.read_ipc_stream(stream.tobytes())
