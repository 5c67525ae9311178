"""What options make of a message's content, between its control fields and its signatures."""
