"""gpg in a home of its own, to see that a second implementation agrees."""

from __future__ import annotations

import email
import email.policy
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

CRLF = b"\r\n"


class Gpg:
    """A key ring. `home` is short: the agent's socket has a limit on its path."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *args: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [
            "gpg",
            "--homedir",
            str(self.home),
            "--batch",
            "--no-tty",
            "--trust-model",
            "always",
            *args,
        ]
        return subprocess.run(command, input=data, capture_output=True, check=False, timeout=60)

    def take(self, armored: str) -> None:
        done = self.run("--import", data=armored.encode())
        assert done.returncode == 0, done.stderr.decode()

    def make(self, address: str, lasts: str = "never", *, when: str = "") -> str:
        """A new key pair without a passphrase, made at the time `when`; returns the certificate."""
        made = self.run(
            *(["--faked-system-time", when] if when else []),
            *(
                "--pinentry-mode",
                "loopback",
                "--passphrase",
                "",
                "--quick-gen-key",
                address,
                "future-default",
                "default",
                lasts,
            ),
        )
        assert made.returncode == 0, made.stderr.decode()
        return self.certificate(address)

    def revoke(self, address: str) -> str:
        """Revoke the key with the certificate that gpg made with it; returns it as it is then."""
        text = next((self.home / "openpgp-revocs.d").iterdir()).read_text()
        self.take(text.replace(":-----BEGIN", "-----BEGIN"))
        return self.certificate(address)

    def certificate(self, address: str) -> str:
        return self.run("--armor", "--export", address).stdout.decode()

    def decrypt(self, data: bytes) -> tuple[bytes, str]:
        """What is inside, and gpg's status lines: the signature is in them."""
        done = self.run("--status-fd", "2", "--decrypt", data=data)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout, done.stderr.decode(errors="replace")

    def verify(self, data: bytes, signature: bytes) -> str:
        """gpg's status lines. Fails when the signature is bad."""
        files = [self.home / "data", self.home / "signature"]
        files[0].write_bytes(data)
        files[1].write_bytes(signature)
        done = self.run("--status-fd", "2", "--verify", str(files[1]), str(files[0]))
        assert done.returncode == 0, done.stderr.decode()
        return done.stderr.decode(errors="replace")


@contextmanager
def gpg() -> Iterator[Gpg]:
    home = Path(tempfile.mkdtemp(prefix="gpg", dir="/tmp"))
    home.chmod(0o700)
    try:
        yield Gpg(home)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False, capture_output=True)
        shutil.rmtree(home, ignore_errors=True)


def parse(data: bytes) -> EmailMessage:
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def signed_parts(data: bytes) -> tuple[bytes, bytes]:
    """The bytes that were signed, as they travelled, and the armored signature: cut out by hand, as RFC 3156 says."""
    boundary = parse(data).get_boundary()
    assert boundary
    line = b"--" + boundary.encode()
    _head, part, seal, end = data.split(CRLF + line)
    assert end == b"--" + CRLF
    assert part.startswith(CRLF)
    return part[2:], seal.split(CRLF + CRLF, 1)[1]
