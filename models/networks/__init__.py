"""One network per file; a file registers its architecture when it is imported."""
