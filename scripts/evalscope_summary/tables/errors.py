"""What can be wrong with a table on the user's side; the texts say what to do."""


class WrongTable(Exception):
    """A table file is not what this version wrote."""


class TooLarge(Exception):
    """A table does not fit into a format."""


class PatternMatchesNothing(Exception):
    """A pattern of the configuration matches no run."""


class NothingToCompare(Exception):
    """No run has the value that others are to be compared with."""
