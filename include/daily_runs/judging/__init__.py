"""How answers are judged: rubric, prompt, verdict, and the call to the judge."""
