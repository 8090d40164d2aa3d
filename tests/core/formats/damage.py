"""Mails that somebody has damaged: whole ones with bytes changed, cut out, doubled or put in."""

from __future__ import annotations

from hypothesis import strategies as st

WHOLE = (
    b"From: a@example.org\r\nSubject: =?utf-8?q?Se=C3=B1ales?=\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\nContent-Type: text/csv;"
    b" name*0*=utf-8''informe%20; name*1=x.csv\r\nContent-Disposition: attachment;"
    b' filename="=?iso-8859-1?Q?se=F1ales.csv?="\r\n\r\na,b\r\n--B--\r\n',
    b"Content-Type: text/csv; name*0*=bad'x'%FF; name*1=\r\n\r\nx",
    b"Content-Disposition: attachment; filename*0*=utf-8''a; filename*1*=%; filename*9999999999=b.csv\r\n\r\nx",
    b'From: \xff <a@b>\r\nSubject: \xf1\r\nContent-Type: text/csv; charset="utf-8\xf1"; name="\xf1.csv"\r\n\r\na,b',
    b"Content-Type: message/rfc822\r\n\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: text/csv\r\n\r\na,b",
)
PIECES = (
    b"\r\n", b"\n", b"=?utf-8?q?", b"?=", b"*0*=", b";", b'"', b"charset=", b"\xff", b"\0", b"filename*=", b"''", b"%",
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """One of WHOLE with a few changes."""
    data = bytearray(draw(st.sampled_from(WHOLE)))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(data)))
        gone = draw(st.sampled_from((0, 0, 1, 9)))
        data[at : at + gone] = draw(st.sampled_from(PIECES))
    return bytes(data)
