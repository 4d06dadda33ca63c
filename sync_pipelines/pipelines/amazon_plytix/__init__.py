"""Amazon listings as products of the PIM, linked with the products that they are listings of."""
