"""Problems that are learned first and unlearned later."""
