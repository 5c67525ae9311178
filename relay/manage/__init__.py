"""What operators and applications change, by the command line and by the API alike."""
