"""Work that outlives its request: a row that says how it stands, a queue in PostgreSQL, and progress kept with what it
did."""
