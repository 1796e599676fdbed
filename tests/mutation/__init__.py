"""`make mutation`: would a test notice if a line of the statistics or of the gate's rules were another?"""
