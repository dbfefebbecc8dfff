"""The numbers behind figures: frames in, arrays ready to draw out."""
