"""Pictures and the report: data() first, draw() second."""
