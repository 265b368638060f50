"""What several screens share: tables, plots, dialogs, the footer."""
