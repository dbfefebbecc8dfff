"""From a conversion curve to N: value, plateau, decision, audience, experiment, power."""
