"""What a data owner allows: read from a file, kept in force, shown in plain words."""
