module word-guard

go 1.24

require github.com/belay-proxy/belay/sdk/go v0.1.0

replace github.com/belay-proxy/belay/sdk/go => ../../../sdk/go
