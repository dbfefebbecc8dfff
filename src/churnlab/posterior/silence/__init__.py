"""A customer's silence under every draw: the functions that risk, dates and counts need."""
