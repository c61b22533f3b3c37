"""What a store holds, verified after the fact: `concord verify` and `concord rebuild`."""
