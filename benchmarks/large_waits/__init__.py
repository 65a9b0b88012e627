"""One wait for thousands of people, compared with one wait for each person."""
