"""What is measured of Mapreel, beside what a user would take instead: ``make bench`` writes docs/performance."""
