"""Which hop between us and the model answered or refused, read from the whole exchange. Pure."""
