"""What people's votes say about models: who is preferred, how surely, how many votes are missing. Knows no store."""
