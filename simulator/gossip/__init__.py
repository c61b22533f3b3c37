"""Replicas without a server: they exchange events over datagrams, in virtual time.

A document is a room of replicas of one list rule (``model.crdt.replicas``). What a replica learns it passes
on to a few others, and now and then two compare their versions, so that what was lost is sent again. This is
the epidemic of Demers et al., "Epidemic algorithms for replicated database maintenance" (PODC 1987):
rumours, and anti-entropy as the safety net.
"""
