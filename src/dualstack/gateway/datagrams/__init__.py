"""The UDP data plane: flows between clients of either family and targets of either."""
