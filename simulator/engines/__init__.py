"""The engines under test: what differs between a server with its clients and replicas on their own.

Everything else of a run asks its engine: what it claims, which faults it can have, how its plans and its
cells are made. A further engine is one more class here.
"""
