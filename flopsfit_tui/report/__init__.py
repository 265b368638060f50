"""From outcomes to what people read: rows, series, plots, summaries, files."""
