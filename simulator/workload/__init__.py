"""What simulated people do: authors propose one action at a time, each from a random stream of its own.

Most write as people do (``model.people.human``); some all insert and delete at one spot (``contention``),
and some replay a session that was recorded (``recorded``, read by ``traces``). ``settings`` is what a
scenario says of them, ``catalogue`` makes them.
"""
