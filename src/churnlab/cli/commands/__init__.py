"""One module per command, each with `run(settings, folder, console)`."""
