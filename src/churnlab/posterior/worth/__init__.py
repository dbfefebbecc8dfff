"""What customers are worth: amounts, futures, residual value."""
