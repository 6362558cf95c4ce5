"""What a replay or a drill showed: shares with their uncertainty, who was found and who was touched wrongly."""
