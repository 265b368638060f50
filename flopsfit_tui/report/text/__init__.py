"""The answer as plain text and Markdown."""
