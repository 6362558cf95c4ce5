"""The shapes of the files an operator writes. The JSON Schema and the tables of the reference are made from these classes."""
