"""Maps on disk, and finding a new recording in one of them."""
