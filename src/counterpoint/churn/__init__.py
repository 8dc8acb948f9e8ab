"""Who is about to leave: a snapshot becomes a table, a table a model, a model a ranked list that was judged first."""
