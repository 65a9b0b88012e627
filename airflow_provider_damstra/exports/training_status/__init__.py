"""The training status of many people: reading, evaluation, and rows for files and tables."""
