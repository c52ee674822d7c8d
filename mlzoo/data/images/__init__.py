"""Images: decoding, folders, tiles and crops."""
