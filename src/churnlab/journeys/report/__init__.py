"""The words and pictures of journeys: numbers come from the tables of a finished run."""
