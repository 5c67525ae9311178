"""Style sheets of mail: their rules by position, and what of them can stand in `style` attributes."""
