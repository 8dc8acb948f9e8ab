"""A finding is one plain sentence with its evidence beside it; a report is one page that fetches nothing."""
