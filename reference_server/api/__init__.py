"""The HTTP API: one module per group of endpoints, put together by ``app.create_app``.

How a request comes in: ``gate`` bounds it and answers what concerns no endpoint, ``strict`` refuses what is
not declared, ``access`` says who asks and with which right, then the group's module answers. ``errors`` is
the one shape of everything that went wrong, ``fields`` the vocabulary of the bodies, ``services`` what the
server has to provide. ``editing`` is a client of the core: edits over HTTP go the way of all others.

============  ======================================================================================
module        endpoints
============  ======================================================================================
health        ``/health``
documents     ``/api/documents``: create, list, read, retitle, delete
operations    ``/api/documents/{document}/operations``: edit, read the log
permissions   ``/api/documents/{document}/permissions``, ``…/owner``
metrics       ``/api/metrics`` and its parts
auth          ``/api/auth``: verify, refresh, revoke, issue
============  ======================================================================================

Rooms for what comes later, one module each: ``activity`` (``/api/documents/active``, ``…/activity``,
``…/collaborators``), ``versions`` (``…/versions``, ``…/restore``), ``presence`` (``/api/presence``),
``admin`` (``/api/admin``), ``ot`` (``/api/ot``), ``crdt`` (``/api/crdt``).
"""
