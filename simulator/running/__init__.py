"""The run: engines, processes, and the judgement of the whole."""
