"""Pictures and words of a backtest: numbers of a figure, its drawing, its sentences."""
