"""What happens in a world: walks, visits, doors that open, things that are moved."""
