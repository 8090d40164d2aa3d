"""Configuration: one TOML file and environment variables make one typed `Config`.

Every setting is documented where it is defined: the `help` of its field. A setting `[web] port` can also be
given as the environment variable ATALAYA_WEB_PORT, which wins over the file. An unknown key or a bad value is
refused with its name and the allowed ones.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from atalaya.core.engine.machine import Machine
from atalaya.core.errors import ConfigError
from atalaya.wire.guard import Guard

LANGUAGES = ("en", "es", "fr", "pt-br")


def setting(
    default: Any,
    help: str,
    *,
    allowed: tuple[str, ...] = (),
    least: float | None = None,
    most: float | None = None,
) -> Any:
    """A field of a section: its default, what it means, and what may stand there."""
    metadata = {"help": help, "allowed": allowed, "least": least, "most": most}
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Node:
    """Who runs this node."""

    name: str = setting("CSIRT", "Name of the team, as it stands on pages and under mails.")
    state: str = setting(
        "", "ISO 3166-1 alpha-2 code of the state whose team this is, for example BB. Empty until set."
    )
    language: str = setting(
        "en", "Language of pages before anybody chose one, and of logs.", allowed=LANGUAGES
    )
    timezone: str = setting("UTC", "IANA time zone in which times are shown, for example America/Barbados.")
    url: str = setting(
        "", "Address under which people reach this node, for links in mails. Empty: http://ADDRESS:PORT."
    )


@dataclass(frozen=True)
class Web:
    """The web server."""

    address: str = setting(
        "127.0.0.1", "Address to listen on. Put a TLS proxy in front before you use another one."
    )
    port: int = setting(8420, "Port to listen on.", least=1, most=65535)
    threads: int = setting(8, "Requests answered at the same time.", least=1, most=64)
    api_requests: int = setting(
        600,
        "Requests that one API token may make in a minute; beyond it the API answers 429.",
        least=1,
        most=1_000_000,
    )
    hosts: list[str] = setting(
        [], "Host names under which the node may be asked, besides localhost and the one in [node] url."
    )
    behind_proxy: bool = setting(
        False, "True when a TLS proxy in front sets X-Forwarded-Proto and X-Forwarded-For."
    )


@dataclass(frozen=True)
class Database:
    """Where records are kept."""

    url: str = setting("", "Empty: SQLite in the data folder. Or postgresql://USER:PASSWORD@HOST:PORT/NAME.")


@dataclass(frozen=True)
class Mail:
    """How notices leave."""

    host: str = setting("", "SMTP server. Empty: notices are written and wait, nothing is sent.")
    port: int = setting(587, "Port of the SMTP server.", least=1, most=65535)
    security: str = setting(
        "starttls", "How the connection is protected.", allowed=("starttls", "tls", "none")
    )
    user: str = setting("", "User name at the SMTP server, if it wants one.")
    password_file: str = setting("", "File that holds the password; never the password itself.")
    ca_file: str = setting(
        "",
        "PEM file of a private authority that vouches for the SMTP server. Empty: the system's authorities.",
    )
    sender: str = setting("", "Address that notices come from, for example csirt@example.org.")
    reply_to: str = setting("", "Address that answers go to. Empty: the sender.")
    timeout: int = setting(30, "Seconds to wait for the SMTP server.", least=1, most=600)


@dataclass(frozen=True)
class Notices:
    """When owners are told."""

    window_hours: int = setting(
        24,
        "New events of one organisation and class within this many hours become one notice.",
        least=1,
        most=168,
    )
    repeat_days: int = setting(
        7, "A finding that did not change is not told again within this many days.", least=1, most=365
    )
    digest_hour: int = setting(
        7, "Hour of the day, in the node's time zone, at which digests leave.", least=0, most=23
    )
    least_severity: str = setting(
        "low",
        "Findings below this severity are not told.",
        allowed=("info", "low", "medium", "high", "critical"),
    )
    rows: int = setting(
        1000,
        "Most rows attached to one notice; the message says how many there are in all.",
        least=1,
        most=100_000,
    )


@dataclass(frozen=True)
class Pipeline:
    """How feed files are read."""

    drop_folder: str = setting("", "Folder watched for feed files. Empty: DATA/drop.")
    gone_after_days: int = setting(
        14,
        "A finding not seen for this long counts as gone, unless its feed says otherwise.",
        least=1,
        most=365,
    )
    events_folder: str = setting(
        "",
        "Folder of the event table. Empty: DATA/events. With several machines, a shared folder under the same path on "
        "all of them.",
    )
    keep_raw_days: int = setting(365, "Days the original feed files are kept.", least=1, most=36500)


@dataclass(frozen=True)
class Collection:
    """How feeds are fetched."""

    bandwidth_kbit: int = setting(
        0,
        "Most kilobits a second that fetching may take, over all workers. 0: no limit.",
        least=0,
        most=10_000_000,
    )
    private: list[str] = setting(
        [],
        "Host names, addresses and prefixes inside your own network that feeds may be fetched from "
        "and webhooks may reach. "
        "Every other private address is refused.",
    )
    ca_file: str = setting(
        "",
        "PEM file of a private authority that vouches for servers of feeds, besides the system's authorities.",
    )
    timeout: int = setting(
        30, "Seconds without a byte after which a line counts as broken.", least=1, most=600
    )


@dataclass(frozen=True)
class Work:
    """Background work."""

    workers: int = setting(1, "Worker processes.", least=1, most=32)
    memory_mb: int = setting(
        300, "A worker that grew past this many MiB is replaced between two jobs.", least=100, most=65536
    )


@dataclass(frozen=True)
class Engine:
    """Where large work runs: feed files of millions of rows, history attributed again, questions over years."""

    kind: str = setting(
        "local",
        "`local`: in the node's own processes. `cluster`: on the machines of a Ray cluster, which the nodes themselves "
        "make: with more than one, records are in PostgreSQL and all share the data folder.",
        allowed=("local", "cluster"),
    )
    first: str = setting(
        "", "HOST:PORT of the first machine's engine, on every other machine. Empty on the first one."
    )
    address: str = setting(
        "127.0.0.1",
        "Address of this machine by which the others reach it. Ray listens on every address: let a firewall keep its "
        "ports to these machines.",
    )
    port: int = setting(
        6379,
        "First of the 1010 ports that this machine's engine uses: 6379 to 7388.",
        least=1024,
        most=64000,
    )
    cores: int = setting(0, "Cores of this machine that the cluster may use. 0: all.", least=0, most=1024)
    memory_mb: int = setting(
        1024,
        "MiB of shared memory of this machine for pieces of work on their way.",
        least=100,
        most=1_000_000,
    )
    pieces: int = setting(
        8,
        "Pieces of one work that are on their way at once: more keep more machines busy and take more memory.",
        least=1,
        most=10_000,
    )


@dataclass(frozen=True)
class Config:
    """All settings, with the folder that holds the node's data."""

    data: Path
    node: Node = field(default_factory=Node)
    web: Web = field(default_factory=Web)
    database: Database = field(default_factory=Database)
    mail: Mail = field(default_factory=Mail)
    notices: Notices = field(default_factory=Notices)
    pipeline: Pipeline = field(default_factory=Pipeline)
    collection: Collection = field(default_factory=Collection)
    work: Work = field(default_factory=Work)
    engine: Engine = field(default_factory=Engine)

    @property
    def url(self) -> str:
        """Address of this node without a final slash."""
        return (self.node.url or f"http://{self.web.address}:{self.web.port}").rstrip("/")

    @property
    def drop_folder(self) -> Path:
        return Path(self.pipeline.drop_folder) if self.pipeline.drop_folder else self.data / "drop"

    @property
    def events_folder(self) -> Path:
        return Path(self.pipeline.events_folder) if self.pipeline.events_folder else self.data / "events"

    @property
    def machine(self) -> Machine:
        """What this machine is in a cluster."""
        own = self.engine
        return Machine(own.address, own.port, own.first, own.cores, own.memory_mb)

    @property
    def engine_token(self) -> Path:
        """The file with the secret that the machines of a cluster share."""
        return self.data / "secrets" / "engine.token"


SECTIONS: dict[str, type] = {
    "node": Node, "web": Web, "database": Database, "mail": Mail,
    "notices": Notices, "pipeline": Pipeline, "collection": Collection, "work": Work, "engine": Engine,
}  # fmt: skip


def load(environ: Mapping[str, str] | None = None) -> Config:
    """Read the configuration: defaults, then the TOML file, then the environment.

    ATALAYA_DATA names the data folder (default: ./data), ATALAYA_CONFIG the file (default: DATA/atalaya.toml).
    Raises ConfigError naming the key and the allowed ones.
    """
    environ = os.environ if environ is None else environ
    data = Path(environ.get("ATALAYA_DATA") or "data").resolve()
    path = Path(environ.get("ATALAYA_CONFIG") or data / "atalaya.toml")
    tables = _read(path, required="ATALAYA_CONFIG" in environ)
    _refuse_unknown(tables, environ, path)
    sections = {name: _section(name, kind, tables.get(name, {}), environ) for name, kind in SECTIONS.items()}
    config = Config(data=data, **sections)
    _check_timezone(config.node.timezone)
    _check_engine(config)
    _check_private(config.collection.private)
    return config


def _read(path: Path, *, required: bool) -> dict[str, dict[str, Any]]:
    if not path.exists() and not required:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"{path}: {error}.", advice="Mend the file; docs/settings.md lists every setting."
        ) from error


def _refuse_unknown(tables: Mapping[str, Any], environ: Mapping[str, str], path: Path) -> None:
    for name, table in tables.items():
        if name not in SECTIONS or not isinstance(table, dict):
            raise ConfigError(f"{path}: unknown section [{name}].", advice=f"Allowed: {', '.join(SECTIONS)}.")
        known = [f.name for f in dataclasses.fields(SECTIONS[name])]
        for key in table:
            if key not in known:
                raise ConfigError(
                    f"{path}: unknown key [{name}] {key}.", advice=f"Allowed: {', '.join(known)}."
                )
    allowed = {variable(name, f.name) for name, kind in SECTIONS.items() for f in dataclasses.fields(kind)}
    allowed |= {"ATALAYA_DATA", "ATALAYA_CONFIG"}
    for key in environ:
        if key.startswith("ATALAYA_") and key not in allowed:
            raise ConfigError(
                f"Unknown environment variable {key}.", advice=f"Allowed: {', '.join(sorted(allowed))}."
            )


def variable(section: str, key: str) -> str:
    """Name of the environment variable for a setting."""
    return f"ATALAYA_{section}_{key}".upper()


def _section(name: str, kind: type, table: Mapping[str, Any], environ: Mapping[str, str]) -> Any:
    hints = get_type_hints(kind)
    values = {}
    for f in dataclasses.fields(kind):
        env = variable(name, f.name)
        if env in environ:
            values[f.name] = _checked(
                env, _from_text(env, environ[env], hints[f.name]), hints[f.name], f.metadata
            )
        elif f.name in table:
            values[f.name] = _checked(f"[{name}] {f.name}", table[f.name], hints[f.name], f.metadata)
    return kind(**values)


def _from_text(where: str, text: str, hint: Any) -> Any:
    if hint is bool:
        if text.lower() not in {"true", "false", "1", "0"}:
            raise ConfigError(f"{where} is {text!r}.", advice="Allowed: true, false.")
        return text.lower() in {"true", "1"}
    if hint is int:
        try:
            return int(text)
        except ValueError as error:
            raise ConfigError(f"{where} is {text!r}.", advice="Give a whole number.") from error
    if get_origin(hint) is list:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _checked(where: str, value: Any, hint: Any, rule: Mapping[str, Any]) -> Any:
    wanted = get_origin(hint) or hint
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise ConfigError(f"{where} is {value!r}.", advice=f"Give a value of type {wanted.__name__}.")
    if wanted is list and not all(isinstance(item, get_args(hint)[0]) for item in value):
        raise ConfigError(f"{where} is {value!r}.", advice="Give a list of texts.")
    if rule["allowed"] and value not in rule["allowed"]:
        raise ConfigError(f"{where} is {value!r}.", advice=f"Allowed: {', '.join(rule['allowed'])}.")
    least, most = rule["least"], rule["most"]
    if (least is not None and value < least) or (most is not None and value > most):
        raise ConfigError(f"{where} is {value!r}.", advice=f"Allowed: {least} to {most}.")
    return value


def _check_engine(config: Config) -> None:
    several = config.engine.first or not config.engine.address.startswith("127.")
    if config.engine.kind == "cluster" and several and not config.database.url:
        raise ConfigError(
            "[engine] names several machines, but records are in SQLite, which one machine alone can use.",
            advice="Set [database] url to a PostgreSQL server.",
        )
    host, colon, port = config.engine.first.rpartition(":")
    if config.engine.first and not (host and colon and port.isdecimal()):
        raise ConfigError(
            f"[engine] first is {config.engine.first!r}.", advice="Give HOST:PORT, for example 10.0.0.1:6379."
        )


def _check_private(names: list[str]) -> None:
    try:
        Guard.allowing(names)
    except ConfigError as error:
        raise ConfigError(
            f"[collection] private: {error}",
            advice="Give host names, addresses and prefixes; separated by commas in the environment.",
        ) from error


def _check_timezone(name: str) -> None:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(
            f"[node] timezone is {name!r}.", advice="Give an IANA name such as America/Barbados or UTC."
        ) from error
