"""churnlab: probabilistic models of silent customer churn."""
