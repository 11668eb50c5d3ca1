"""The ground that every feature stands on: problems, database, facts, tokens, ids, money, paging."""
