"""What an order of a run will ask, reuse, judge and spend, said before it is given."""
