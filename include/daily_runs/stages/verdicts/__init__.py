"""Asking the judge for many verdicts, and what its verdicts on frozen answers say of it."""
