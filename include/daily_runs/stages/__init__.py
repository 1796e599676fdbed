"""The six stages of an arm, in order: one module each, one signature (`daily_runs.stages.work.Stage`)."""
