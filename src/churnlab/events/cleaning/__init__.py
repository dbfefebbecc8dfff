"""From a source to a clean table: staged, settled by orders, judged row by row, accounted for."""
