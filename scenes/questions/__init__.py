"""Questions about worlds: the words people use, and gold answers for them."""
