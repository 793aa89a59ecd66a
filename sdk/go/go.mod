module github.com/belay-proxy/belay/sdk/go

go 1.24
