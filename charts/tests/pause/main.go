// What holds a pod's namespaces for node_test.go: it waits until it is told to go.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	toldToGo := make(chan os.Signal, 1)
	signal.Notify(toldToGo, syscall.SIGTERM, syscall.SIGINT)
	<-toldToGo
}
