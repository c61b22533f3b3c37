"""What a worker measures, how workers are added up, and the forms in which it is shown."""
