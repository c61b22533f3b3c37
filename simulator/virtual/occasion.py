"""What a server does with an event, in words: for what it raised meanwhile."""

from __future__ import annotations

from model import history
from model.checkers.check import edit_name
from model.identity import SiteId
from model.protocol import Branch, ProtocolError, Submit, decode_client
from reference_server.core.effects import Appended, Closed, Event, Loaded, Opened, Received, Resumed
from simulator.virtual.client import SimulatedClient


def raised_over(
    now_us: int, event: Event, client: SimulatedClient | None, error: Exception
) -> history.Raised:
    """The record of an exception over an event; ``client`` is whose connection it is about, if it is."""
    site = SiteId("") if client is None else client.site
    document = getattr(event, "document", "" if client is None else client.document.document)
    return history.raised(now_us, "server", "", document, occasion(event, site), error)


def occasion(event: Event, site: SiteId) -> str:
    """A verb in the past tense and its object; ``site`` is whose connection it is about, if it is."""
    of_site = f" of {site}" if site else ""
    match event:
        case Received():
            return f"took {_message(event.data, site)}"
        case Appended():
            return "took the store's answer to an append"
        case Loaded():
            return "took what the store had loaded"
        case Resumed():
            return "went on with a merge"
        case Opened():
            return f"accepted a connection{of_site}"
        case Closed():
            return f"took the end of a connection{of_site}"
        case _:
            return f"took {type(event).__name__.lower()}{of_site}"


def _message(data: bytes, site: SiteId) -> str:
    try:
        message = decode_client(data)
    except ProtocolError:
        return f"what is no message, from {site}"
    match message:
        case Submit():
            return f"edit {edit_name(site, message.first, message.last)}"
        case Branch():
            return f"a branch of {site}"
        case _:
            return f"{type(message).__name__.lower()} of {site}"
