"""What no Twisted server passes: the least program on twisted.web that does the same job."""
