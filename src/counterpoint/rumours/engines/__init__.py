"""Ways to run the same model: by neighbours counted, run by run; by lanes of one word; or meeting by meeting."""
