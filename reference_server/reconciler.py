"""Keeps a worker in step with the others: takes their hints, and compares with the store what these lose."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, assert_never

import trio

from model.identity import DocumentId
from reference_server.auth.revocations import Revocations
from reference_server.authorizer import Authorizer
from reference_server.bus.hints import (
    CursorMoved,
    DocumentGone,
    Hint,
    NewHead,
    PermissionsChanged,
    TokenRevoked,
)
from reference_server.core.effects import Deleted, RightsChanged, Role
from reference_server.follower import Follower
from reference_server.logs import Logger
from reference_server.peers import Peers
from reference_server.store.port import Catalogue, StoreUnavailable
from reference_server.worker import Worker

_LOG: Final = Logger("reconciler")

COMPARED_AT_ONCE: Final = 1_000
"""Documents in one question to the store, which takes a bounded number of arguments."""

HOUSEKEEPING_SECONDS: Final = 30.0


class Reconciler(Follower):
    """What other workers did, taken over here: revisions, rights, tokens, deleted documents."""

    def __init__(
        self,
        worker: Worker,
        authorizer: Authorizer,
        revocations: Revocations,
        catalogue: Catalogue,
        peers: Peers,
        token_seconds: Callable[[], int],
    ) -> None:
        """``token_seconds`` is how long a token lives at the most, where only its id is known."""
        super().__init__(lambda: worker.gateway.documents, worker.handle, peers)
        self._worker = worker
        self._authorizer = authorizer
        self._revocations = revocations
        self._catalogue = catalogue
        self._token_seconds = token_seconds
        self._roles: dict[DocumentId, dict[str, Role]] = {}  # as last compared
        self._missed = trio.Event()

    # --- hints --------------------------------------------------------------------------------------------

    def heard(self, hint: Hint) -> None:
        """See :class:`reference_server.peers.HintHandler`."""
        match hint:
            case NewHead() | CursorMoved():
                super().heard(hint)
            case TokenRevoked(jti, expires_at):
                self._revocations.learn(jti, expires_at)
            case PermissionsChanged(document, user):
                self.rights_changed(document, user)
            case DocumentGone(document):
                self.deleted(document)
            case _:
                assert_never(hint)

    def missed(self, document: DocumentId | None) -> None:
        """See :class:`reference_server.peers.HintHandler`."""
        if self._worker.is_draining:
            return
        super().missed(document)
        if document is None:
            self._authorizer.forget()
            self._roles.clear()
            self._missed.set()

    def rights_changed(self, document: DocumentId, user: str | None) -> None:
        """What a user, or everybody, may do with a document has changed: ask again."""
        self._authorizer.forget(document)
        self._worker.handle(RightsChanged(document, user))

    def deleted(self, document: DocumentId) -> None:
        """A document is gone: send everybody away."""
        self._authorizer.forget(document)
        self._worker.handle(Deleted(document))

    # --- the store ----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Compare with the store for ever, if there are other workers."""
        while self._peers.shared:
            with trio.move_on_after(self.pause_seconds):
                await self._missed.wait()
            self._missed = trio.Event()
            await self.compare()

    async def keep_house(self) -> None:
        """Forget tokens that have expired, for ever."""
        while True:
            await trio.sleep(HOUSEKEEPING_SECONDS)
            await self.learn_revocations()
            self._revocations.prune(time.time())

    async def learn_revocations(self) -> None:
        """What other workers revoked, and what was revoked before this one started."""
        now = int(time.time())
        try:
            revoked = await trio.to_thread.run_sync(self._catalogue.revoked_tokens, now)
        except StoreUnavailable:
            _LOG.warning("the revoked tokens cannot be read now")
            return
        except Exception as error:
            _LOG.error("the revoked tokens cannot be read", error)
            return
        for jti in revoked:
            self._revocations.learn(jti, now + self._token_seconds())

    async def compare(self) -> None:
        """Compare revoked tokens, and the documents that are open here, with the store."""
        self.say_again()
        await self.learn_revocations()
        documents = self.to_compare()
        self._roles = {name: self._roles[name] for name in documents if name in self._roles}
        for begin in range(0, len(documents), COMPARED_AT_ONCE):
            await self._compare(documents[begin : begin + COMPARED_AT_ONCE])

    async def _compare(self, documents: list[DocumentId]) -> None:
        try:
            heads = await trio.to_thread.run_sync(self._catalogue.heads, documents)
            roles = await trio.to_thread.run_sync(self._catalogue.roles, documents)
        except StoreUnavailable:
            return
        except Exception as error:  # the next time may be better, and the rest goes on
            _LOG.error("documents cannot be compared with the store", error)
            return
        for document in documents:
            if document in heads:
                self._compare_roles(document, roles.get(document, {}))
                self.compared(document, heads[document])
            else:
                self.deleted(document)

    def _compare_roles(self, document: DocumentId, now: dict[str, Role]) -> None:
        """Ask again for whose right is another one; for all if it is not known what they were let in with."""
        before = self._roles.get(document)
        self._roles[document] = now
        if before is not None:
            users = [user for user in {**before, **now} if before.get(user) != now.get(user)]
        else:
            opened = self._worker.gateway.documents.get(document)
            members = () if opened is None else opened.members.values()
            users = list(dict.fromkeys(member.user for member in members))
        for user in users:
            self.rights_changed(document, user)
