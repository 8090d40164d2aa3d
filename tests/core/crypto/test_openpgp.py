from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pysequoia
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.crypto.conftest import Gpg

from atalaya.core.crypto import openpgp
from atalaya.core.crypto.openpgp import CannotEncrypt, Status
from atalaya.core.errors import BadInput, TooLarge

TEXT = "Alerta: 3 direcciones con telnet abierto. Évidemment, ação.\n".encode()


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def team() -> str:
    return openpgp.generate("CSIRT <csirt@example.org>")


@pytest.fixture(scope="module")
def other() -> str:
    return openpgp.generate("Other <other@example.org>")


def test_it_generates_a_v4_key_on_curve25519_that_does_not_expire(team: str) -> None:
    info = openpgp.inspect(openpgp.certificate_of(team), at=now())
    assert len(info.fingerprint) == 40
    assert info.fingerprint == info.fingerprint.upper()
    assert info.emails == ("csirt@example.org",)
    assert info.status is Status.VALID
    assert info.can_encrypt
    assert info.expires_at is None


def test_it_knows_that_a_key_will_expire() -> None:
    certificate = openpgp.certificate_of(openpgp.generate("A <a@example.org>", validity_seconds=3600))
    before = openpgp.inspect(certificate, at=now())
    after = openpgp.inspect(certificate, at=now() + timedelta(hours=2))
    assert (before.status, after.status) == (Status.VALID, Status.EXPIRED)
    assert before.expires_at is not None
    assert abs(before.expires_at - now() - timedelta(hours=1)) < timedelta(minutes=2)


def test_it_does_not_use_a_key_before_it_was_made(team: str) -> None:
    info = openpgp.inspect(openpgp.certificate_of(team), at=now() - timedelta(days=1))
    assert info.status is Status.UNUSABLE


@pytest.mark.mail
@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("good", Status.VALID),
        ("rsa", Status.VALID),
        ("renewed", Status.VALID),
        ("signs", Status.UNUSABLE),
        ("expired", Status.EXPIRED),
        ("subkey.expired", Status.EXPIRED),
        ("revoked", Status.REVOKED),
    ],
)
def test_it_reads_the_condition_of_gpg_keys(gpg: Gpg, who: str, status: Status) -> None:
    armored = gpg.export(f"{who}@example.org")
    info = openpgp.inspect(armored, at=now())
    assert info.status is status
    assert info.can_encrypt is (status is Status.VALID)
    assert info.fingerprint == gpg.fingerprint(f"{who}@example.org")


@pytest.mark.mail
@pytest.mark.parametrize("who", ["signs", "expired", "subkey.expired", "revoked"])
def test_it_never_encrypts_to_a_certificate_that_is_not_valid(gpg: Gpg, team: str, who: str) -> None:
    recipients = [openpgp.certificate_of(team), gpg.export(f"{who}@example.org")]
    with pytest.raises(CannotEncrypt) as refused:
        openpgp.encrypt(TEXT, recipients, at=now())
    assert refused.value.fingerprint == gpg.fingerprint(f"{who}@example.org")


@pytest.mark.mail
def test_it_uses_an_expired_key_neither_early_nor_late(gpg: Gpg) -> None:
    armored = gpg.export("expired@example.org")
    assert openpgp.inspect(armored, at=datetime(2020, 6, 1, tzinfo=UTC)).status is Status.VALID
    assert openpgp.inspect(armored, at=datetime(2020, 12, 31, tzinfo=UTC)).status is Status.EXPIRED
    assert openpgp.inspect(armored, at=datetime(2019, 6, 1, tzinfo=UTC)).status is Status.UNUSABLE
    assert openpgp.inspect(armored, at=now()).expires_at == datetime(2020, 12, 31, tzinfo=UTC)


@pytest.mark.mail
def test_it_says_when_the_only_encryption_key_ends(gpg: Gpg) -> None:
    assert openpgp.inspect(gpg.export("subkey.expired@example.org"), at=now()).expires_at == datetime(
        2020, 12, 31, tzinfo=UTC
    )
    assert openpgp.inspect(gpg.export("renewed@example.org"), at=now()).expires_at is None


@pytest.mark.mail
@pytest.mark.parametrize("who", ["good", "rsa", "renewed"])
def test_it_encrypts_and_signs_so_that_gpg_decrypts_and_verifies(gpg: Gpg, team: str, who: str) -> None:
    gpg("--import", input=openpgp.certificate_of(team).encode())
    message = openpgp.encrypt(TEXT, [gpg.export(f"{who}@example.org")], team, at=now())
    assert message.startswith(b"-----BEGIN PGP MESSAGE-----")
    status = gpg("--status-fd", "1", "--output", "/dev/null", "--decrypt", input=message).decode(
        errors="replace"
    )
    assert "DECRYPTION_OKAY" in status
    assert "GOODSIG" in status
    assert openpgp.inspect(openpgp.certificate_of(team), at=now()).fingerprint in status
    assert gpg("--decrypt", input=message) == TEXT


@pytest.mark.mail
def test_it_encrypts_to_the_living_key_only(gpg: Gpg) -> None:
    message = openpgp.encrypt(TEXT, [gpg.export("renewed@example.org")], at=now())
    assert gpg("--list-packets", input=message, check=False).count(b":pubkey enc packet:") == 1
    assert gpg("--decrypt", input=message) == TEXT


@pytest.mark.mail
def test_it_signs_detached_so_that_gpg_verifies(gpg: Gpg, team: str, tmp_path) -> None:
    gpg("--import", input=openpgp.certificate_of(team).encode())
    (tmp_path / "text").write_bytes(TEXT)
    (tmp_path / "text.asc").write_text(openpgp.sign_detached(TEXT, team))
    out = gpg("--status-fd", "1", "--verify", str(tmp_path / "text.asc"), str(tmp_path / "text"))
    assert b"VALIDSIG" in out
    (tmp_path / "text").write_bytes(TEXT + b" ")
    assert b"BADSIG" in gpg(
        "--status-fd", "1", "--verify", str(tmp_path / "text.asc"), str(tmp_path / "text"), check=False
    )


@pytest.mark.mail
def test_it_opens_what_gpg_encrypted_and_signed(gpg: Gpg, team: str) -> None:
    gpg("--import", input=openpgp.certificate_of(team).encode())
    args = (
        "--trust-model",
        "always",
        "--compress-algo",
        "none",
        "--armor",
        "--local-user",
        "good@example.org",
    )
    message = gpg(*args, "--sign", "--encrypt", "--recipient", "csirt@example.org", input=TEXT)
    opened = openpgp.decrypt(message, team, signers=[gpg.export("good@example.org")])
    assert opened.data == TEXT
    assert opened.signed_by == (gpg.fingerprint("good@example.org"),)


@pytest.mark.mail
def test_it_says_what_to_do_about_a_compressed_message(gpg: Gpg, team: str) -> None:
    gpg("--import", input=openpgp.certificate_of(team).encode())
    args = (
        "--trust-model",
        "always",
        "--compress-algo",
        "zip",
        "--armor",
        "--local-user",
        "good@example.org",
    )
    message = gpg(*args, "--sign", "--encrypt", "--recipient", "csirt@example.org", input=TEXT)
    with pytest.raises(BadInput, match="without compression"):
        openpgp.decrypt(message, team, signers=[gpg.export("good@example.org")])


@pytest.mark.mail
def test_it_refuses_a_private_key_from_gpg(gpg: Gpg) -> None:
    with pytest.raises(BadInput, match="private key"):
        openpgp.inspect(gpg.export_secret("good@example.org"), at=now())


@pytest.mark.mail
def test_it_splits_a_keyring(gpg: Gpg) -> None:
    ring = (
        gpg.export("good@example.org")
        + "\n"
        + gpg.export("rsa@example.org")
        + gpg("--armor", "--export").decode()
    )
    found = [openpgp.inspect(armored, at=now()).fingerprint for armored in openpgp.split(ring)]
    assert found[:2] == [gpg.fingerprint("good@example.org"), gpg.fingerprint("rsa@example.org")]
    assert len(found) > 7


def test_it_refuses_a_private_key_in_disguise(team: str) -> None:
    disguised = pysequoia.armor(bytes(pysequoia.Tsk.from_bytes(team.encode())), pysequoia.ArmorKind.PublicKey)
    with pytest.raises(BadInput, match="private key"):
        openpgp.inspect(disguised, at=now())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxxxx\n-----END PGP PUBLIC KEY BLOCK-----",
        "\x00\x99\x00",
    ],
)
def test_it_refuses_what_is_no_certificate(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        openpgp.inspect(text, at=now())
    assert "\n" not in str(refused.value)


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_it_answers_any_text_with_one_clear_error(text: str) -> None:
    with pytest.raises(BadInput):
        openpgp.inspect(text, at=now())


def test_it_refuses_two_certificates_where_one_belongs(team: str, other: str) -> None:
    both = openpgp.certificate_of(team) + openpgp.certificate_of(other)
    with pytest.raises(BadInput):
        openpgp.inspect(both, at=now())
    assert len(openpgp.split(both)) == 2


def test_it_refuses_an_endless_certificate(team: str) -> None:
    with pytest.raises(TooLarge):
        openpgp.inspect(openpgp.certificate_of(team) + " " * 2_000_000, at=now())


def test_it_opens_and_verifies_its_own_messages(team: str, other: str) -> None:
    message = openpgp.encrypt(
        TEXT, [openpgp.certificate_of(other), openpgp.certificate_of(team)], team, at=now()
    )
    for reader in (team, other):
        opened = openpgp.decrypt(message, reader, signers=[openpgp.certificate_of(team)])
        assert opened.data == TEXT
        assert opened.signed_by == (openpgp.inspect(openpgp.certificate_of(team), at=now()).fingerprint,)


def test_it_rejects_a_message_without_the_expected_signature(team: str, other: str) -> None:
    unsigned = openpgp.encrypt(TEXT, [openpgp.certificate_of(team)], at=now())
    foreign = openpgp.encrypt(TEXT, [openpgp.certificate_of(team)], other, at=now())
    assert openpgp.decrypt(unsigned, team).data == TEXT
    for message in (unsigned, foreign):
        with pytest.raises(BadInput):
            openpgp.decrypt(message, team, signers=[openpgp.certificate_of(team)])


def test_it_rejects_a_message_that_was_changed_or_is_for_somebody_else(team: str, other: str) -> None:
    message = openpgp.encrypt(TEXT, [openpgp.certificate_of(team)], team, at=now())
    lines = message.splitlines(keepends=True)
    middle = len(lines) // 2
    lines[middle] = lines[middle][::-1].lstrip(b"\n") + b"\n"
    for attempt, key in ((b"".join(lines), team), (message, other)):
        with pytest.raises(BadInput):
            openpgp.decrypt(attempt, key)


def test_it_verifies_detached_signatures(team: str, other: str) -> None:
    signature = openpgp.sign_detached(TEXT, team)
    mine = openpgp.certificate_of(team)
    assert openpgp.verify(TEXT, signature, [openpgp.certificate_of(other), mine]) == (
        openpgp.inspect(mine, at=now()).fingerprint,
    )
    for data, signers in ((TEXT + b"!", [mine]), (TEXT, [openpgp.certificate_of(other)])):
        with pytest.raises(BadInput):
            openpgp.verify(data, signature, signers)


def test_it_names_the_hash_for_mime(team: str) -> None:
    assert openpgp.micalg(openpgp.sign_detached(TEXT, team)) == "pgp-sha512"
    with pytest.raises(BadInput):
        openpgp.micalg("no signature")


def test_it_encrypts_to_nobody_only_with_an_error(team: str) -> None:
    with pytest.raises(BadInput):
        openpgp.encrypt(TEXT, [], team, at=now())


def test_it_signs_only_with_a_private_key(team: str) -> None:
    for wrong in ("", openpgp.certificate_of(team), "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nxx\n"):
        with pytest.raises(BadInput):
            openpgp.sign_detached(TEXT, wrong)


def test_its_errors_stay_on_one_line(team: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUST_BACKTRACE", "1")
    with pytest.raises(BadInput) as refused:
        openpgp.decrypt(b"nothing", team)
    assert "\n" not in str(refused.value)
