"""Keys of tokens: selected by ``kid``, all of one algorithm; old ones verify until they are taken away.

Every key is prepared and examined once, when the server starts or reloads. One set has one algorithm, and the
PyJWT object that works with it knows no other: a token cannot choose how it is verified.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, TypeAlias

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from jwt.algorithms import HMACAlgorithm

SECRET_BYTES_MIN: Final = 32  # RFC 7518, section 3.2: at least as long as the hash of HS256
RSA_BITS_MIN: Final = 2048  # RFC 7518, section 3.3

PublicKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey
PrivateKey: TypeAlias = RSAPrivateKey | EllipticCurvePrivateKey


class KeySource(NamedTuple):
    """What a key is made from: a secret (HS256), or the contents of PEM files (RS256, ES256)."""

    kid: str | None
    secret: str = ""
    public_pem: bytes = b""
    private_pem: bytes = b""


class Key(NamedTuple):
    """A key ready for use; ``signing`` is None if it only verifies."""

    kid: str | None
    verifying: bytes | PublicKey
    signing: bytes | PrivateKey | None


class SigningKeyError(ValueError):
    """A key cannot be used.

    Attributes:
        kid: which one; None for the secret without an id, or for the whole set.
        message: why, without showing any of it.
    """

    def __init__(self, kid: str | None, message: str) -> None:
        super().__init__(f"key {kid}: {message}" if kid is not None else message)
        self.kid = kid
        self.message = message


class Keys:
    """The keys of one algorithm, and which of them signs: the first that can."""

    def __init__(self, algorithm: str, sources: Iterable[KeySource]) -> None:
        """``algorithm`` is HS256, RS256 or ES256.

        Raises:
            SigningKeyError: no key, two of the same id, or one that does not fit the algorithm.
        """
        prepare = _prepared_secret if algorithm == "HS256" else _prepared_pair
        self.algorithm = algorithm
        if algorithm == "HS256":
            self.jws = jwt.PyJWS(algorithms=[])
            self.jws.register_algorithm(algorithm, _ExaminedHmac(HMACAlgorithm.SHA256))
        else:
            self.jws = jwt.PyJWS(algorithms=[algorithm])
        self._by_kid: dict[str | None, Key] = {}
        for source in sources:
            if source.kid in self._by_kid:
                raise SigningKeyError(source.kid, "there are two keys of this id")
            self._by_kid[source.kid] = prepare(algorithm, source)
        if not self._by_kid:
            raise SigningKeyError(None, "there is no key")
        self.signer = next((key for key in self._by_kid.values() if key.signing is not None), None)

    def find(self, kid: str | None) -> Key | None:
        """The key of this id; for a token without one, the key without an id, or else the only key."""
        if kid is None and len(self._by_kid) == 1:
            return next(iter(self._by_kid.values()))
        return self._by_kid.get(kid)

    @property
    def ids(self) -> tuple[str | None, ...]:
        """The ids of all keys, in order."""
        return tuple(self._by_kid)


class _ExaminedHmac(HMACAlgorithm):
    """HS256 with secrets that were examined before; PyJWT would do it again for every token."""

    def prepare_key(self, key: str | bytes) -> bytes:
        return key if isinstance(key, bytes) else key.encode()


def random_secret() -> str:
    """A new secret for HS256, for a server that was given none."""
    return secrets.token_urlsafe(48)


def refuse_secret(secret: str) -> str:
    """Why a text cannot be a secret of HS256; empty if it can."""
    size = len(secret.encode("utf-8", "surrogatepass"))
    if size < SECRET_BYTES_MIN:
        return f"must have at least {SECRET_BYTES_MIN} bytes, not {size}; 'openssl rand -hex 32' makes one"
    try:
        jwt.get_algorithm_by_name("HS256").prepare_key(secret)
    except (jwt.exceptions.InvalidKeyError, UnicodeEncodeError):
        return "is a public key, a certificate or no text, but no secret"
    return ""


def _prepared_secret(_: str, source: KeySource) -> Key:
    if source.public_pem or source.private_pem:
        raise SigningKeyError(source.kid, "HS256 takes a secret, no key files")
    if reason := refuse_secret(source.secret):
        raise SigningKeyError(source.kid, f"the secret {reason}")
    secret = source.secret.encode()
    return Key(source.kid, secret, secret)


def _prepared_pair(algorithm: str, source: KeySource) -> Key:
    if source.secret:
        raise SigningKeyError(source.kid, f"{algorithm} takes key files, no secret")
    public = _loaded(source.kid, "public", load_pem_public_key, source.public_pem)
    private = None
    if source.private_pem:
        private = _loaded(source.kid, "private", _load_private, source.private_pem)
        if private.public_key() != public:
            raise SigningKeyError(source.kid, "the private key does not belong to the public one")
    if algorithm == "RS256":
        if not isinstance(public, RSAPublicKey):
            raise SigningKeyError(source.kid, "RS256 takes an RSA key")
        if public.key_size < RSA_BITS_MIN:
            raise SigningKeyError(
                source.kid, f"an RSA key of at least {RSA_BITS_MIN} bits, not {public.key_size}"
            )
    elif not (isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1)):
        raise SigningKeyError(source.kid, "ES256 takes a key on the curve P-256")
    return Key(source.kid, public, private)


def _load_private(pem: bytes) -> Any:
    return load_pem_private_key(pem, password=None)


def _loaded(kid: str | None, which: str, load: Any, pem: bytes) -> Any:
    try:
        return load(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The message of the library may quote the key.
        raise SigningKeyError(kid, f"the {which} key is no PEM file of an unencrypted {which} key") from None
