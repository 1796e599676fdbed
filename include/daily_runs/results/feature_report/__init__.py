"""How a feature has done over time: its series, alarms, weakest classes and cost."""
