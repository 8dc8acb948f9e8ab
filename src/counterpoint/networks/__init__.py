"""Who hears whom: a network is frozen sparse rows and the names of its nodes, however it was made or read."""
