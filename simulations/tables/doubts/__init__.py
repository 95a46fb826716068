"""What is said of data that may not be meant so: the target again, sentinels, copies of rows."""
