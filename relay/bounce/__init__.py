"""Reading and writing bad news: delivery status notifications. Pure."""
