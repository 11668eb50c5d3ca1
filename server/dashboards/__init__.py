"""What is made of it all: a room's figures and report, headquarters' wall."""
