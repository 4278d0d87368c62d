"""People judge answers: blind pairs, votes, a leaderboard, ratings in chat, and corrections that become examples."""
