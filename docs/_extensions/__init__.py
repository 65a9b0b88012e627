"""Extensions of Sphinx that generate pages from the code."""
