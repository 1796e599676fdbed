"""The report of one published run: its data, and the page that shows them."""
