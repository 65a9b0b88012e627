"""Training requirements: rules about who needs which lessons, and the status of a person by them."""
