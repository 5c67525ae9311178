"""What the relay keeps, behind `interface.py`; the engines are packages beside it."""
