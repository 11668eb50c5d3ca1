"""What keeps a crowd busy. One folder for each feature."""
