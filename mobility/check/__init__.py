"""`mobility check`: what a deployment ought to be, against what can be seen of it.

Each part observes first and judges then: a judgement is a pure function of the deployment and
what was observed, and gives findings, each of which says what is wrong, why it matters, and what
to do.  What could not be looked at is said as well.
"""
