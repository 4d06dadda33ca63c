"""The shop as it is read once for every pipeline that needs it."""
