"""What comes back? Usage is counted and parts are stripped, however the bytes are cut."""
