from hypothesis import HealthCheck, settings

# A loaded machine is no fault of the code; the same examples everywhere make a red test one that anybody can repeat.
settings.register_profile(
    "mapreel",
    max_examples=30,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("mapreel")
