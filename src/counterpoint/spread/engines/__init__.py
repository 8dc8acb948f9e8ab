"""Ways to run a model: by neighbours counted, run by run or all threads in one; by lanes of a word; by meetings."""
