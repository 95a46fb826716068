"""One door for data: files and objects of Python become columns, columns become problems."""
