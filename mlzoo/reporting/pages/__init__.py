"""Pages that open in a browser offline: one file each, nothing fetched."""
