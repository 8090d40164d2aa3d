"""Countries that measurements make up."""
