"""A small real IMAP server for tests: IMAP4rev1 over TLS as far as reading a folder needs it."""

from __future__ import annotations

import re
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

USER, PASSWORD = "csirt", 'right "horse"'


@dataclass
class Kept:
    """A mail in a folder."""

    uid: int
    data: bytes
    flags: set[str] = field(default_factory=set)
    size: int = 0
    announced: int = 0


class Mailserver:
    """Folders with mails, and the commands that came, without passwords."""

    def __init__(self) -> None:
        self.folders: dict[str, list[Kept]] = {"INBOX": []}
        self.commands: list[str] = []
        self.capabilities = "IMAP4rev1 MOVE"
        self.hang_up_on = ""
        self.port = 0

    def put(self, data: bytes, *, folder: str = "INBOX", size: int = 0) -> Kept:
        """Put a mail into a folder. `size`: what the server says instead of its length."""
        mails = self.folders[folder]
        mails.append(Kept(len(mails) + 1, data, size=size))
        return mails[-1]


class Session(socketserver.StreamRequestHandler):
    """One connection."""

    box: Mailserver
    folder = ""

    def handle(self) -> None:
        self._say(f"* OK [CAPABILITY {self.box.capabilities}] ready")
        while raw := self.rfile.readline():
            tag, _, rest = raw.decode().strip().partition(" ")
            name, _, arguments = rest.partition(" ")
            self.box.commands.append("LOGIN" if name.upper() == "LOGIN" else rest)
            if self.box.hang_up_on and self.box.hang_up_on in rest:
                self.box.hang_up_on = ""
                return
            if name.upper() == "UID":
                name, _, arguments = arguments.partition(" ")
            answer = getattr(self, f"do_{name.lower()}", self.do_unknown)(arguments)
            self._say(f"{tag} {answer}")
            if name.upper() == "LOGOUT":
                return

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")

    def _mails(self, uid: str = "") -> list[Kept]:
        return [one for one in self.box.folders[self.folder] if not uid or str(one.uid) == uid]

    def do_unknown(self, _arguments: str) -> str:
        return "BAD unknown"

    def do_capability(self, _arguments: str) -> str:
        self._say(f"* CAPABILITY {self.box.capabilities}")
        return "OK done"

    def do_login(self, arguments: str) -> str:
        user, _, password = arguments.partition(" ")
        password = re.sub(r"\\(.)", r"\1", password[1:-1])
        good = (user.strip('"'), password) == (USER, PASSWORD)
        return "OK done" if good else f"NO {password} is wrong"

    def do_select(self, arguments: str) -> str:
        self.folder = arguments.strip('"')
        if self.folder not in self.box.folders:
            return "NO no such folder"
        self._say(f"* {len(self._mails())} EXISTS")
        return "OK [READ-WRITE]"

    def do_search(self, _arguments: str) -> str:
        unseen = [str(one.uid) for one in self._mails() if "\\Seen" not in one.flags]
        self._say(" ".join(["* SEARCH", *unseen]))
        return "OK done"

    def do_fetch(self, arguments: str) -> str:
        uid, _, what = arguments.partition(" ")
        for one in self._mails(uid):
            if "SIZE" in what:
                self._say(f"* {one.uid} FETCH (UID {one.uid} RFC822.SIZE {one.size or len(one.data)})")
            else:
                size = one.announced or len(one.data)
                self.wfile.write(f"* {one.uid} FETCH (UID {one.uid} BODY[] {{{size}}}\r\n".encode())
                self.wfile.write(one.data + b")\r\n")
        return "OK done"

    def do_store(self, arguments: str) -> str:
        uid, _, flags = arguments.partition(" ")
        for one in self._mails(uid):
            one.flags |= set(re.findall(r"\\\w+", flags))
        return "OK done"

    def do_copy(self, arguments: str) -> str:
        uid, _, target = arguments.partition(" ")
        if target.strip('"') not in self.box.folders:
            return "NO no such folder"
        for one in self._mails(uid):
            self.box.put(one.data, folder=target.strip('"'))
        return "OK done"

    def do_move(self, arguments: str) -> str:
        answer = self.do_copy(arguments)
        if answer.startswith("OK"):
            uid = arguments.partition(" ")[0]
            self.box.folders[self.folder] = [one for one in self._mails() if str(one.uid) != uid]
        return answer

    def do_expunge(self, _arguments: str) -> str:
        self.box.folders[self.folder] = [one for one in self._mails() if "\\Deleted" not in one.flags]
        return "OK done"

    def do_logout(self, _arguments: str) -> str:
        self._say("* BYE")
        return "OK done"


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, handler: Any, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._context = context

    def get_request(self) -> Any:
        plain, address = super().get_request()
        return self._context.wrap_socket(plain, server_side=True), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that do not trust us end here."""


@contextmanager
def mailserver(certificate: Path, key: Path) -> Iterator[Mailserver]:
    """A running server at 127.0.0.1."""
    box = Mailserver()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = _Server(type("OwnSession", (Session,), {"box": box}), context)
    box.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield box
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
