"""Where the loss itself is least: early predictors of data that no weights fit."""
