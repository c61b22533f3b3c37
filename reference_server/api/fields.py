"""The vocabulary of requests and answers: what a name, a text, a revision may be.

What comes in is checked strictly. What goes out has the widest bounds that the protocol allows, because
documents and sites are named by WebSocket clients too.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from model.protocol import DOCUMENT_LENGTH_MAX, NAME_LENGTH_MAX, NATURAL_MAX
from reference_server.core.effects import Role

TITLE_LENGTH_MAX: Final = 256
USER_LENGTH_MAX: Final = 128
TOKEN_LENGTH_MAX: Final = 8_192
PERMITTED_MAX: Final = 1_000  # users of one role in one document
GRANTS_MAX: Final = 100
PAGE_DEFAULT: Final = 100
PAGE_MAX: Final = 1_000

# PostgreSQL cannot store NUL; other control characters have no place in a name.
NAME_PATTERN: Final = r"^[^\x00-\x1f\x7f]*$"
TEXT_PATTERN: Final = r"^[^\x00]*$"

RESERVED_IDS: Final = frozenset({"active"})
"""Path segments that stand where a document id could."""


def _digits(value: Any) -> Any:
    """A number of a query as the schema says it: digits only, no sign, space, point or underscore."""
    if isinstance(value, str) and not (value.isascii() and value.isdigit() and len(value) <= 16):
        raise ValueError("not a natural number")
    return value


def _not_reserved(value: str) -> str:
    if value in RESERVED_IDS:
        raise ValueError("this id is reserved")
    return value


class Body(BaseModel):
    """What all request bodies share: nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class AnswerBody(BaseModel):
    """What all response bodies share: nothing unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# --- in ---------------------------------------------------------------------------------------------------

NewDocumentName: TypeAlias = Annotated[
    str,
    Field(max_length=NAME_LENGTH_MAX, pattern=r"^[A-Za-z0-9][A-Za-z0-9._~-]*$"),
    AfterValidator(_not_reserved),
]
"""The id of a document made over HTTP: nothing that would have to be escaped in a path."""

Title: TypeAlias = Annotated[str, Field(max_length=TITLE_LENGTH_MAX, pattern=NAME_PATTERN)]
Text: TypeAlias = Annotated[str, Field(max_length=DOCUMENT_LENGTH_MAX, pattern=TEXT_PATTERN)]
User: TypeAlias = Annotated[str, Field(min_length=1, max_length=USER_LENGTH_MAX, pattern=NAME_PATTERN)]
Token: TypeAlias = Annotated[str, Field(min_length=1, max_length=TOKEN_LENGTH_MAX, pattern=NAME_PATTERN)]
Position: TypeAlias = Annotated[int, Field(ge=0, le=DOCUMENT_LENGTH_MAX)]
RoleName: TypeAlias = Literal["viewer", "editor", "owner"]
Stamp: TypeAlias = Annotated[int, Field(ge=1, le=NATURAL_MAX)]

DocumentPath: TypeAlias = Annotated[
    str,
    Path(
        alias="document",
        min_length=1,
        max_length=NAME_LENGTH_MAX,
        pattern=r"^[^\x00-\x1f\x7f/]+$",
        description="Id of a document",
    ),
]
UserPath: TypeAlias = Annotated[
    str,
    Path(alias="user", min_length=1, max_length=USER_LENGTH_MAX, pattern=r"^[^\x00-\x1f\x7f/]+$"),
]
PageLimit: TypeAlias = Annotated[
    int, Query(ge=1, le=PAGE_MAX, description="Entries at most"), BeforeValidator(_digits)
]
RevisionQuery: TypeAlias = Annotated[int, Query(ge=0, le=NATURAL_MAX), BeforeValidator(_digits)]
UserQuery: TypeAlias = Annotated[str, Query(max_length=USER_LENGTH_MAX, pattern=NAME_PATTERN)]
AfterQuery: TypeAlias = Annotated[str, Query(max_length=NAME_LENGTH_MAX, pattern=TEXT_PATTERN)]
"""Any id that a page can end with; WebSocket clients name documents as they like."""

# --- out --------------------------------------------------------------------------------------------------

DocumentName: TypeAlias = Annotated[str, Field(max_length=NAME_LENGTH_MAX)]
SiteName: TypeAlias = Annotated[str, Field(max_length=NAME_LENGTH_MAX)]
UserName: TypeAlias = Annotated[str, Field(max_length=TOKEN_LENGTH_MAX)]
AnyTitle: TypeAlias = Annotated[str, Field(max_length=65_536)]
AnyText: TypeAlias = Annotated[str, Field(max_length=2_000_000)]
Natural: TypeAlias = Annotated[int, Field(ge=0, le=NATURAL_MAX)]
Amount: TypeAlias = Annotated[float, Field(ge=0, le=1e18, allow_inf_nan=False)]
Time: TypeAlias = datetime

ROLES: Final[dict[str, Role]] = {role.value: role for role in Role}
