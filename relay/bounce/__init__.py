"""Reading and writing news of mail: delivery status notifications, and our own return paths. Pure."""
