"""How people are told of incidents: what is called when a run ends, and by which connection a message goes out."""
