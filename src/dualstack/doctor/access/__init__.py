"""Access lists as data: whom they name and let in, by family; never who listens, and never what a rule should be."""
