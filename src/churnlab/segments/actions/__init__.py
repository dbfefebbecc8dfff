"""What to do in each cell: playbook, audiences, churn-rate bands, win-back."""
