"""The rim: everything that touches the world, one file for each outside thing."""
