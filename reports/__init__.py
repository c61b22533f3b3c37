"""Recorded results in, judgement and pictures out; reads files and ``model``, nothing else."""
