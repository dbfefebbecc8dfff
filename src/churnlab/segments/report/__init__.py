"""Pictures and words of the grid."""
