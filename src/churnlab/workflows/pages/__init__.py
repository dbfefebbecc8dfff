"""Pages of a whole pipeline: its front page and its picture."""
