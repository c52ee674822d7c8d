"""Results of a search: tables, ties, figures and pages."""
