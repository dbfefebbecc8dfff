"""What a backtest answers: scores, differences, decisions, each with its resampled interval."""
