"""Tokens: what is issued is believed, and nothing that was forged, altered, outdated or taken back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from reference_server.auth.claims import Claims
from reference_server.auth.keys import (
    SECRET_BYTES_MIN,
    Keys,
    KeySource,
    SigningKeyError,
    random_secret,
)
from reference_server.auth.revocations import LEEWAY_SECONDS_MAX, Revocations
from reference_server.auth.tokens import (
    TOKEN_BYTES_MAX,
    NoSigningKeyError,
    Reason,
    TokenRefused,
    Tokens,
)
from reference_server.core.effects import Role

NOW = 1_800_000_000
SECRET = "a secret of the length that is needed"
OTHER = "another secret of the length that is needed"
ALGORITHMS = ("HS256", "RS256", "ES256")


@cache
def _pair(algorithm: str, which: int) -> tuple[bytes, bytes]:
    """Public and private PEM of the n-th key."""
    del which
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    if algorithm == "RS256":
        key = rsa.generate_private_key(65_537, 2048)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), private


def pair(algorithm: str, which: int = 0) -> tuple[bytes, bytes]:
    return _pair(algorithm, which)


def source(algorithm: str, kid: str | None = None, which: int = 0) -> KeySource:
    if algorithm == "HS256":
        return KeySource(kid, (SECRET, OTHER)[which])
    public, private = pair(algorithm, which)
    return KeySource(kid, "", public, private)


@cache
def _tokens_of(algorithm: str, which: int) -> Tokens:
    return Tokens(Keys(algorithm, [source(algorithm, "k", which)]))


def tokens_of(algorithm: str = "HS256", which: int = 0) -> Tokens:
    return _tokens_of(algorithm, which)


def issued(tokens: Tokens, **changes: Any) -> str:
    return tokens.issue("user-1", **{"lifetime_seconds": 60, "now": NOW, **changes})


def reason(tokens: Tokens, token: str, now: float = NOW) -> Reason:
    with pytest.raises(TokenRefused) as refused:
        tokens.verify(token, now)
    assert str(refused.value) == refused.value.reason.value
    return refused.value.reason


def encoded(part: object) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header: object, payload: object, secret: bytes = SECRET.encode()) -> str:
    """A token with any header and payload, signed rightly as HS256."""
    start = f"{encoded(header)}.{encoded(payload)}"
    return f"{start}.{encoded(hmac.new(secret, start.encode(), hashlib.sha256).digest())}"


GOOD = {"sub": "user-1", "jti": "j", "exp": NOW + 60}
HEADER = {"alg": "HS256", "typ": "JWT", "kid": "k"}


# --- issued and believed ----------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_issued_is_believed(algorithm: str) -> None:
    tokens = tokens_of(algorithm)
    documents = {"load-*": Role.EDITOR, "a": Role.OWNER}
    claims = tokens.verify(issued(tokens, name="Zoë", role="admin", documents=documents), NOW)
    assert claims == Claims("user-1", claims.jti, NOW + 60, NOW, "Zoë", "admin", documents)
    assert claims.is_admin
    assert claims.expires_in_ms(NOW + 59.5) == 500
    assert claims.expires_in_ms(NOW + 61) == 0
    assert len({tokens.verify(issued(tokens), NOW).jti for _ in range(8)}) == 8


def test_an_independent_library_call_believes_it_too() -> None:
    decoded = jwt.decode(
        issued(tokens_of()), SECRET, ["HS256"], options={"verify_exp": False, "verify_iat": False}
    )
    assert (decoded["sub"], decoded["exp"]) == ("user-1", NOW + 60)
    assert jwt.get_unverified_header(issued(tokens_of()))["kid"] == "k"


def test_the_least_that_a_token_may_say() -> None:
    assert tokens_of().verify(forged({"alg": "HS256"}, GOOD), NOW) == Claims("user-1", "j", NOW + 60)
    extra = {**GOOD, "iss": "somebody", "scope": ["x"]}
    assert tokens_of().verify(forged(HEADER, extra), NOW).user == "user-1"


@pytest.mark.parametrize(
    "changes",
    [
        {"user": ""},
        {"user": "u" * 129},
        {"name": "n" * 257},
        {"role": "root"},
        {"documents": {"": Role.EDITOR}},
        {"documents": {"a*b": Role.EDITOR}},
        {"documents": {"**": Role.EDITOR}},
        {"documents": {f"document-{i}": Role.EDITOR for i in range(1_000)}},
        {"lifetime_seconds": 0},
    ],
)
def test_what_would_be_refused_is_not_issued(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        tokens_of().issue(**{"user": "u", "lifetime_seconds": 1, "now": NOW, **changes})


# --- claims -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", ["sub", "jti", "exp"])
def test_a_claim_that_is_missing(claim: str) -> None:
    payload = {key: value for key, value in GOOD.items() if key != claim}
    assert reason(tokens_of(), forged(HEADER, payload)) is Reason.MISSING_CLAIM


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "value",
    [True, False, NOW + 0.5, 1e300, float("inf"), float("nan"), -1, 2**53, 10**400, "1", None, [NOW], {}],
)
def test_a_time_that_is_no_whole_number(claim: str, value: object) -> None:
    assert reason(tokens_of(), forged(HEADER, {**GOOD, claim: value})) is Reason.MALFORMED


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": 1},
        {"sub": ""},
        {"sub": "u" * 129},
        {"sub": "\ud800"},
        {"jti": 5},
        {"jti": ""},
        {"name": 1},
        {"role": "root"},
        {"role": None},
        {"aud": 1},
        {"documents": ["a"]},
        {"documents": {"a": "admin"}},
        {"documents": {"a*b": "editor"}},
        {"documents": {"": "editor"}},
    ],
)
def test_a_claim_of_the_wrong_kind(changes: dict[str, Any]) -> None:
    assert reason(tokens_of(), forged(HEADER, {**GOOD, **changes})) is Reason.MALFORMED


@pytest.mark.parametrize("payload", [[], "x", 5, None, b"", b"{", b"\xff", b"[" * 4_000])
def test_a_payload_that_is_no_object(payload: object) -> None:
    assert reason(tokens_of(), forged(HEADER, payload)) is Reason.MALFORMED


def test_times_and_leeway() -> None:
    tokens = Tokens(Keys("HS256", [source("HS256", "k")]), leeway_seconds=5)
    token = forged(HEADER, {**GOOD, "nbf": NOW, "iat": NOW})
    assert tokens.verify(token, NOW + 64.9).exp == NOW + 60
    assert reason(tokens, token, NOW + 65) is Reason.EXPIRED
    assert tokens.verify(token, NOW - 5).exp == NOW + 60
    assert reason(tokens, token, NOW - 5.1) is Reason.NOT_YET
    assert reason(tokens, forged(HEADER, {**GOOD, "iat": NOW + 6})) is Reason.NOT_YET
    assert reason(tokens_of(), forged(HEADER, GOOD), NOW + 60) is Reason.EXPIRED
    assert tokens_of().verify(forged(HEADER, GOOD), NOW + 59.9).exp == NOW + 60


def test_audience() -> None:
    named = Tokens(Keys("HS256", [source("HS256", "k")]), audience="concord")
    assert named.verify(issued(named), NOW).user == "user-1"
    assert named.verify(forged(HEADER, {**GOOD, "aud": ["x", "concord"]}), NOW).user == "user-1"
    for aud in ("other", [], ["other"], "", "concord2"):
        assert reason(named, forged(HEADER, {**GOOD, "aud": aud})) is Reason.AUDIENCE
    assert reason(named, forged(HEADER, GOOD)) is Reason.AUDIENCE
    assert reason(tokens_of(), issued(named)) is Reason.AUDIENCE


# --- forgeries --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("none", ["none", "None", "NONE", "nOnE", "", None, 0])
def test_no_algorithm(algorithm: str, none: object) -> None:
    start = f"{encoded({**HEADER, 'alg': none})}.{encoded(GOOD)}"
    for signature in ("", issued(tokens_of(algorithm)).rpartition(".")[2]):
        assert reason(tokens_of(algorithm), f"{start}.{signature}") is Reason.ALGORITHM
    assert reason(tokens_of(algorithm), f"{encoded({'typ': 'JWT'})}.{encoded(GOOD)}.") is Reason.ALGORITHM


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_the_public_key_as_a_secret(algorithm: str) -> None:
    public = pair(algorithm)[0]
    for secret in (public, public.strip(), public.replace(b"\n", b"\r\n")):
        assert reason(tokens_of(algorithm), forged(HEADER, GOOD, secret)) is Reason.ALGORITHM
        lying = forged({**HEADER, "alg": algorithm}, GOOD, secret)
        assert reason(tokens_of(algorithm), lying) is Reason.SIGNATURE


@pytest.mark.parametrize("own", ALGORITHMS)
@pytest.mark.parametrize("other", ["HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA", "HS256"])
def test_another_algorithm(own: str, other: str) -> None:
    if own != other:
        token = forged({**HEADER, "alg": other}, GOOD)
        assert reason(tokens_of(own), token) is Reason.ALGORITHM


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_another_key(algorithm: str) -> None:
    assert reason(tokens_of(algorithm), issued(tokens_of(algorithm, 1))) is Reason.SIGNATURE


@pytest.mark.parametrize(
    ("kid", "expected"),
    [
        ("", Reason.UNKNOWN_KEY),
        ("K", Reason.UNKNOWN_KEY),
        ("k ", Reason.UNKNOWN_KEY),
        ("../../dev/null", Reason.UNKNOWN_KEY),
        ("k' OR '1'='1", Reason.UNKNOWN_KEY),
        ("None", Reason.UNKNOWN_KEY),
        (None, Reason.MALFORMED),
        (0, Reason.MALFORMED),
        (["k"], Reason.MALFORMED),
        ({"k": 1}, Reason.MALFORMED),
    ],
)
def test_a_kid_that_names_nothing(kid: object, expected: Reason) -> None:
    assert reason(tokens_of(), forged({**HEADER, "kid": kid}, GOOD)) is expected
    assert reason(tokens_of(), forged({**HEADER, "kid": kid}, GOOD, b"")) is expected


def test_keys_that_a_token_brings_along_are_not_looked_at() -> None:
    own = {"kty": "oct", "k": encoded(OTHER.encode())}
    header = {**HEADER, "jwk": own, "jku": "http://127.0.0.1/keys", "x5u": "http://127.0.0.1/"}
    assert reason(tokens_of(), forged(header, GOOD, OTHER.encode())) is Reason.SIGNATURE


@pytest.mark.parametrize(
    "extra", [{"crit": ["x"], "x": 1}, {"crit": []}, {"b64": False}, {"b64": False, "crit": ["b64"]}]
)
def test_headers_that_change_what_is_signed(extra: dict[str, Any]) -> None:
    assert reason(tokens_of(), forged({**HEADER, **extra}, GOOD)) is Reason.MALFORMED


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(st.data())
def test_any_altered_sign(algorithm: str, data: st.DataObject) -> None:
    tokens = tokens_of(algorithm)
    token = issued(tokens, documents={"a": Role.VIEWER})
    at = data.draw(st.integers(0, len(token) - 1))
    sign = data.draw(st.characters().filter(lambda sign: sign != token[at]))
    # PyJWT also refuses signatures whose spare bits were altered: no two texts are the same token.
    with pytest.raises(TokenRefused):
        tokens.verify(token[:at] + sign + token[at + 1 :], NOW)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(st.data())
def test_anything_put_in_or_left_out(algorithm: str, data: st.DataObject) -> None:
    tokens = tokens_of(algorithm)
    token = issued(tokens)
    at = data.draw(st.integers(0, len(token)))
    inserted = data.draw(st.text(alphabet="AZaz09-_.= \n\x00", max_size=3))
    to = data.draw(st.integers(at if inserted else min(at + 1, len(token)), len(token)))
    changed = token[:at] + inserted + token[to:]
    if changed != token:
        with pytest.raises(TokenRefused):
            tokens.verify(changed, NOW)


@given(
    st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "b64"]), st.none() | st.booleans() | st.text(max_size=5)
    )
)
def test_any_header_of_another_key(header: dict[str, Any]) -> None:
    for algorithm in ALGORITHMS:
        with pytest.raises(TokenRefused):
            tokens_of(algorithm).verify(forged(header, GOOD, OTHER.encode()), NOW)


@given(st.text() | st.text(alphabet="eyJhbGciOi.-_="))
def test_any_text(text: str) -> None:
    for algorithm in ALGORITHMS:
        with pytest.raises(TokenRefused):
            tokens_of(algorithm).verify(text, NOW)


def test_a_payload_of_another_token() -> None:
    head, _, signature = issued(tokens_of()).split(".")
    other = issued(tokens_of(), role="admin").split(".")[1]
    assert reason(tokens_of(), f"{head}.{other}.{signature}") is Reason.SIGNATURE


def test_a_huge_token_reaches_no_parser() -> None:
    tokens = Tokens(Keys("HS256", [source("HS256", "k")]))
    largest = forged(HEADER, {**GOOD, "pad": "x" * 5_800})
    assert TOKEN_BYTES_MAX - 300 < len(largest) <= TOKEN_BYTES_MAX
    assert tokens.verify(largest, NOW).user == "user-1"
    tokens.keys.jws = None  # type: ignore[assignment]
    assert reason(tokens, forged(HEADER, {**GOOD, "pad": "x" * 6_200})) is Reason.TOO_LARGE


# --- keys -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_changing_keys_logs_nobody_out(algorithm: str) -> None:
    old, new = source(algorithm, "old", 0), source(algorithm, "new", 1)
    before = Tokens(Keys(algorithm, [old]))
    between = Tokens(Keys(algorithm, [new, old]))
    after = Tokens(Keys(algorithm, [new]))
    first, second = issued(before), issued(between)
    assert jwt.get_unverified_header(second)["kid"] == "new"
    assert between.verify(first, NOW).user == between.verify(second, NOW).user == "user-1"
    assert after.verify(second, NOW).user == "user-1"
    assert reason(after, first) is Reason.UNKNOWN_KEY
    assert reason(before, second) is Reason.UNKNOWN_KEY


def test_a_token_without_kid() -> None:
    token = forged({"alg": "HS256"}, GOOD)
    two = [source("HS256", "a"), source("HS256", "b", 1)]
    assert reason(Tokens(Keys("HS256", two)), token) is Reason.UNKNOWN_KEY
    with_plain = Tokens(Keys("HS256", [source("HS256", "b", 1), source("HS256", None)]))
    assert with_plain.verify(token, NOW).user == "user-1"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_public_key_alone_verifies_and_does_not_sign(algorithm: str) -> None:
    public = KeySource("k", "", pair(algorithm)[0])
    only = Tokens(Keys(algorithm, [public]))
    assert only.verify(issued(tokens_of(algorithm)), NOW).user == "user-1"
    with pytest.raises(NoSigningKeyError):
        issued(only)


def small_rsa() -> KeySource:
    key = rsa.generate_private_key(65_537, 1024)
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return KeySource("k", "", pem)


def other_curve() -> KeySource:
    key = ec.generate_private_key(ec.SECP384R1())
    return KeySource("k", "", key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


@pytest.mark.parametrize(
    ("algorithm", "sources", "message"),
    [
        ("HS256", list, "there is no key"),
        ("HS256", lambda: [KeySource(None, "")], "at least 32 bytes, not 0"),
        ("HS256", lambda: [KeySource("k", "x" * (SECRET_BYTES_MIN - 1))], "at least 32 bytes, not 31"),
        ("HS256", lambda: [source("HS256", "k"), source("HS256", "k", 1)], "two keys of this id"),
        ("HS256", lambda: [KeySource("k", pair("RS256")[0].decode())], "is a public key"),
        ("HS256", lambda: [source("RS256", "k")], "takes a secret"),
        ("RS256", lambda: [source("HS256", "k")], "takes key files"),
        ("RS256", lambda: [source("ES256", "k")], "takes an RSA key"),
        ("RS256", lambda: [small_rsa()], "at least 2048 bits, not 1024"),
        ("ES256", lambda: [source("RS256", "k")], "curve P-256"),
        ("ES256", lambda: [other_curve()], "curve P-256"),
        ("ES256", lambda: [KeySource("k", "", b"nothing")], "public key is no PEM"),
        ("ES256", lambda: [KeySource("k", "", *pair("ES256")[::-1])], "public key is no PEM"),
        ("ES256", lambda: [KeySource("k", "", pair("ES256")[0], b"x")], "private key is no PEM"),
        ("ES256", lambda: [KeySource("k", "", pair("ES256")[0], pair("ES256", 1)[1])], "does not belong"),
    ],
)
def test_keys_that_cannot_be_used(algorithm: str, sources: Any, message: str) -> None:
    with pytest.raises(SigningKeyError, match=message):
        Keys(algorithm, sources())


def test_a_random_secret_is_good_and_never_the_same() -> None:
    assert len({random_secret() for _ in range(8)}) == 8
    Keys("HS256", [KeySource(None, random_secret())])


# --- revocation -------------------------------------------------------------------------------------------


def test_a_revoked_token() -> None:
    told: list[str] = []
    revocations = Revocations(told.append)
    tokens = Tokens(Keys("HS256", [source("HS256", "k")]), revocations=revocations)
    token, other = issued(tokens), issued(tokens)
    claims = tokens.verify(token, NOW)
    assert revocations.learn(claims.jti, claims.exp)
    assert reason(tokens, token) is Reason.REVOKED
    assert tokens.verify(other, NOW).user == "user-1"
    assert not revocations.learn(claims.jti, claims.exp)
    assert told == [claims.jti]


def test_a_revoked_token_is_remembered_as_long_as_any_leeway_would_accept_it() -> None:
    revocations = Revocations()
    revocations.learn("j", NOW)
    assert revocations.prune(NOW + LEEWAY_SECONDS_MAX) == 0
    assert revocations.is_revoked("j")
    assert revocations.prune(NOW + LEEWAY_SECONDS_MAX + 1) == 1
    assert (revocations.is_revoked("j"), len(revocations)) == (False, 0)
