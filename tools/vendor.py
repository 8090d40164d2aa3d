"""Fetch again the files that others wrote, and check each against its hash in vendor.toml.

    python tools/vendor.py           fetch, check, write to src/atalaya/web/static/vendor
    python tools/vendor.py --check   check the files that are there; needs no network

To take a newer version: change version, member and source in vendor.toml, empty sha384, run this, read the file,
write the printed hash down.
"""

from __future__ import annotations

import base64
import hashlib
import io
import sys
import tarfile
import tomllib
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "src/atalaya/web/static/vendor"
MOST_BYTES = 20 * 1024 * 1024


def declared() -> list[dict[str, Any]]:
    """The vendored files as vendor.toml lists them."""
    files: list[dict[str, Any]] = tomllib.loads((ROOT / "vendor.toml").read_text(encoding="utf-8"))["file"]
    return files


def sha384(data: bytes) -> str:
    """The hash as browsers write it after "sha384-"."""
    return base64.b64encode(hashlib.sha384(data).digest()).decode("ascii")


def problems() -> list[str]:
    """What is wrong with the files that are there: missing, changed, or without licence. Empty when all is well."""
    found = []
    for file in declared():
        path = FOLDER / file["path"]
        if not path.exists() or sha384(path.read_bytes()) != file["sha384"]:
            found.append(f"{path} is missing or not the file that vendor.toml describes.")
        if not (FOLDER / file["licence_file"]).exists():
            found.append(f"{FOLDER / file['licence_file']} is missing.")
    named = {file["path"] for file in declared()} | {file["licence_file"] for file in declared()}
    found += [f"{path} is not in vendor.toml." for path in FOLDER.iterdir() if path.name not in named]
    return found


def fetch(file: dict[str, Any]) -> None:
    """Download one package, check the file's hash and write it with its licence. Raises SystemExit when it differs."""
    if not file["source"].startswith("https://"):
        raise SystemExit(f"{file['source']} is not https.")
    with urllib.request.urlopen(file["source"], timeout=60) as answer:  # noqa: S310  https only, checked above
        packed = answer.read(MOST_BYTES)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        data, licence = (_member(archive, file[key]) for key in ("member", "licence_member"))
    if sha384(data) != file["sha384"]:
        raise SystemExit(f"{file['path']}: sha384 is {sha384(data)}, vendor.toml says {file['sha384']!r}.")
    (FOLDER / file["path"]).write_bytes(data)
    (FOLDER / file["licence_file"]).write_bytes(licence)


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.extractfile(name)
    if member is None:
        raise SystemExit(f"{name} is not in the package.")
    return member.read()


def main(arguments: list[str]) -> int:
    """Exit code 0 when every file is as described."""
    if "--check" not in arguments:
        for file in declared():
            fetch(file)
    found = problems()
    for problem in found:
        print(problem, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
