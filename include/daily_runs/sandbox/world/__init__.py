"""What all of the far end shares: its clock, faults, rate buckets, the wire, and the record of what arrived."""
