"""A real HAProxy and a real nginx on the path, and what is made of their refusals."""
