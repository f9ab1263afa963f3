"""What is known or believed of one zone: one file a facet, and only it writes its fields."""
