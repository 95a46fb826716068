"""What happens between two predictors, and when."""
