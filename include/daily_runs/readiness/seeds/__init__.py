"""Whether a data set's resources are in an environment: found, verified, counted, listed for whoever makes them."""
