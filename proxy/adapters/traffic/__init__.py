"""The data plane: request heads, the listener, the way back to the client, the way on to the upstream."""
