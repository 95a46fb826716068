"""What the commands do: read the problem, call the layers below, print and write."""
