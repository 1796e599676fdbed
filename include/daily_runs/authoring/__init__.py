"""What somebody writes for a feature: its files checked one by one, brought over from other tools, and begun."""
