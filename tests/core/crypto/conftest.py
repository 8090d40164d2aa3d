"""A real gpg with a home of its own, and keys in every condition."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


class Gpg:
    """gpg with its own home folder."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *args: str, input: bytes = b"", check: bool = True) -> bytes:
        command = [
            "gpg",
            "--batch",
            "--quiet",
            "--no-tty",
            "--yes",
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "",
        ]
        environment = {**os.environ, "GNUPGHOME": str(self.home), "LC_ALL": "C"}
        done = subprocess.run([*command, *args], input=input, capture_output=True, env=environment)
        if check and done.returncode:
            raise AssertionError(done.stderr.decode(errors="replace"))
        return done.stdout

    def fingerprint(self, email: str) -> str:
        lines = self("--list-keys", "--with-colons", f"<{email}>").decode().splitlines()
        return next(line.split(":")[9] for line in lines if line.startswith("fpr"))

    def export(self, email: str) -> str:
        return self("--armor", "--export", f"<{email}>").decode()

    def export_secret(self, email: str) -> str:
        return self("--armor", "--export-secret-keys", f"<{email}>").decode()

    def key(
        self, email: str, *, encryption: str | None = "never", faked: str = "", primary: str = "never"
    ) -> None:
        """An Ed25519 key that signs, with a Cv25519 subkey that lives as long as `encryption` says."""
        clock = ("--faked-system-time", faked) if faked else ()
        self(*clock, "--quick-gen-key", f"Someone <{email}>", "ed25519", "sign", primary)
        if encryption is not None:
            self(*clock, "--quick-add-key", self.fingerprint(email), "cv25519", "encr", encryption)

    def revoke(self, email: str) -> None:
        text = (self.home / "openpgp-revocs.d" / f"{self.fingerprint(email)}.rev").read_text()
        self("--import", input=text.replace(":-----BEGIN", "-----BEGIN").encode())


@pytest.fixture(scope="session")
def gpg() -> Iterator[Gpg]:
    if shutil.which("gpg") is None:
        pytest.skip("gpg is not installed")
    # The agent's socket path has a length limit that pytest's own folders exceed.
    with tempfile.TemporaryDirectory(prefix="gpg") as home:
        Path(home).chmod(0o700)
        gpg = Gpg(Path(home))
        gpg.key("good@example.org")
        gpg.key("signs@example.org", encryption=None)
        gpg.key("expired@example.org", faked="20200101T000000", primary="1y")
        gpg.key("subkey.expired@example.org", encryption="1y", faked="20200101T000000")
        gpg.key("renewed@example.org", encryption="1y", faked="20200101T000000")
        gpg("--quick-add-key", gpg.fingerprint("renewed@example.org"), "cv25519", "encr", "never")
        gpg.key("revoked@example.org")
        gpg.revoke("revoked@example.org")
        gpg("--quick-gen-key", "Old <rsa@example.org>", "rsa2048", "sign,encr", "never")
        yield gpg
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
