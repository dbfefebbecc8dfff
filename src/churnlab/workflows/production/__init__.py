"""Use cases of what leaves for production: a bundle written, checked, applied and watched."""
