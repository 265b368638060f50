"""Series, terminal plots and figures."""
