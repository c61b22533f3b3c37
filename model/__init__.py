"""What a document, an operation, a message, a history and a verdict are; pure, without I/O or clock."""
