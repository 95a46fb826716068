"""The sets of matrices that measurements are of: symmetric ones, and block forms."""
