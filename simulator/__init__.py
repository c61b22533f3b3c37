"""Clients, network, faults and workloads in virtual time, exercising the reference server's own core."""
