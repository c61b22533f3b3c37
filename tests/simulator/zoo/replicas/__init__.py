"""The bugs of replicas once more, without time and network: in small random histories, before six oracles."""
