// An application's container for node_test.go: an echo server on port 9000. On SIGTERM it goes on for a second, ends its
// connections with 1001, and goes.
package main

import (
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

func main() {
	var open sync.Map
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	go http.ListenAndServe(":9000", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connection, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		open.Store(connection, nil)
		defer open.Delete(connection)
		for {
			kind, message, err := connection.ReadMessage()
			if err != nil || connection.WriteMessage(kind, message) != nil {
				return
			}
		}
	}))
	toldToGo := make(chan os.Signal, 1)
	signal.Notify(toldToGo, syscall.SIGTERM)
	<-toldToGo
	time.Sleep(time.Second)
	goodbye := websocket.FormatCloseMessage(websocket.CloseGoingAway, "")
	open.Range(func(connection, _ any) bool {
		return connection.(*websocket.Conn).WriteControl(websocket.CloseMessage, goodbye, time.Now().Add(time.Second)) == nil
	})
}
