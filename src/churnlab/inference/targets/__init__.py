"""What is sampled: log posteriors of the population, pooled, grouped, with effects or a clock."""
