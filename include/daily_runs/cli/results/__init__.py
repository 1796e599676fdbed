"""Commands over what was published: its verdicts, alarms and rows."""
