// Placeholder so that the target exists; the first real file of this folder replaces it.
