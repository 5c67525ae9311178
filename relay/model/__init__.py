"""The vocabulary: values every other room speaks in. Imports nothing of ours but its own modules."""
