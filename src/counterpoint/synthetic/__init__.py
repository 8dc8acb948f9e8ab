"""An INVENTED platform, with the truth beside it: for tests and demos, never evidence about people."""
