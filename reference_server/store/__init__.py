"""Where documents are kept: the port is the requests and answers of ``core.effects``."""
