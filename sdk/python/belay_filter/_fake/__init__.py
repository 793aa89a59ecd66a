"""The host of tests: `belay_filter.testing` sets it up."""
