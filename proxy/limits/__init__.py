"""Is there budget left? Costs are reserved as estimates and settled as actuals."""
