"""Any homogeneous model."""
