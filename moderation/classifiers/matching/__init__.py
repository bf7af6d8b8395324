"""Known images: fingerprints that survive editing, banks of them, and an index for a million."""
