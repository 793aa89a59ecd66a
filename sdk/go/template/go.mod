module my-filter

go 1.24

require github.com/belay-proxy/belay/sdk/go v0.1.0

// The SDK as it stood in the `belay` that made this project.
replace github.com/belay-proxy/belay/sdk/go => ./sdk
