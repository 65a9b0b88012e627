"""Import of users from HR extracts: parsing, column mapping and upsert."""
