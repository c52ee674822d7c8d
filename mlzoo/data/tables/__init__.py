"""Tables: columns, labels and targets."""
