"""What a sweep has done, on disk."""
