"""The commands with which a team writes a feature: its data set, its rubric and its catalogue file."""
