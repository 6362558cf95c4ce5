"""The honest population: people and machines that a proxy sees every day, and the look-alikes that a detector must leave alone."""
