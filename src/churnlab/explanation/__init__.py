"""One customer in the grid: risk by day, the picture and the paragraph."""
