"""What is being asked? Every supported API is read into one ModelCall; an endpoint without a reader is refused."""
