"""Settings of commands that need more than a fit does: imported with their command."""
