"""Everything that advances time, draws random numbers or touches files."""
