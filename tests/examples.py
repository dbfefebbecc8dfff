"""On how many examples a property is tried: few in the fast tests, all under the profile `full`."""

from hypothesis import settings


def examples(fast: int, full: int) -> int:
    """Return how many to try: `full` under `pytest --hypothesis-profile=full`."""
    return full if settings.get_current_profile_name() == "full" else fast
