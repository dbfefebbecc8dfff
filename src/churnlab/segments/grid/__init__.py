"""Who stands where: two axes of risk, states, the snapshot of a day."""
