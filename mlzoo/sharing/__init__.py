"""`mlzoo push` and `mlzoo pull`: run folders on the Hugging Face Hub."""
