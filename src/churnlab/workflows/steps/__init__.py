"""What several use cases share: fitting values, placing people, looking back, gathering runs."""
