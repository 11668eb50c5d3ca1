"""A room's events for the merchant's own tools: told as they happen, and exported."""
