"""Likes: counted by the broker as they come, kept in the room's row now and then."""
