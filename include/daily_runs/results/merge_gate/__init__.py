"""The merge gate: two published runs side by side, as a decision that a pipeline can act on."""
