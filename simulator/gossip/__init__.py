"""Replicas without a server: they exchange events over datagrams, in virtual time.

A document has replicas of one list rule (``model.crdt.replicas``). What a replica learns it passes on to a
few others, and now and then two compare their versions, so that what was lost is sent again (``exchange``).
This is the epidemic of Demers et al., "Epidemic algorithms for replicated database maintenance" (PODC 1987):
rumours, and anti-entropy as the safety net. ``peer`` is such a replica with its person, its ``disk`` and its
crashes; ``datagrams`` is the network between them; ``cell`` plays a ``plan`` of them, and has the laws of
replicated types tried on some (``examination``).
"""
