"""Mail out: from a recipient that is due to its outcome on disk."""
