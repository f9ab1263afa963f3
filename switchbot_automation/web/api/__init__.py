"""What is answered under each path, in JSON, and the document that tells of it."""
