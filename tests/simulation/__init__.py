"""`make statistics`: simulated runs whose truth is known, against the figures that the product would publish."""
