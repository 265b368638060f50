"""Training one trial, and measuring models; torch lives here."""
