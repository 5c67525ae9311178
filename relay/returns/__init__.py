"""Mail that comes back: bounces and replies to our own return paths, told in events and passed on to the sender."""
