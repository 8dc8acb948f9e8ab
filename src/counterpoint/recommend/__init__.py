"""What should each listener hear next: ratings from a log, recommenders that know songs by who hears them."""
