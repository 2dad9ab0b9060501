"""The embedded default: all of Mapreel on one machine, as supervised processes."""
