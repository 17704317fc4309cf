"""What the page and the figures of the report share."""
