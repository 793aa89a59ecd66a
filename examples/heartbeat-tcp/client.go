// Writes a PING every 30 seconds over a plain socket, and prints what it hears.
//
//	go run client.go [ADDRESS [INTERVAL]]
package main

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"os"
	"time"
)

func main() {
	address, interval := "127.0.0.1:7000", 30*time.Second
	if len(os.Args) > 1 {
		address = os.Args[1]
	}
	if len(os.Args) > 2 {
		given, err := time.ParseDuration(os.Args[2])
		if err != nil {
			log.Fatal(err)
		}
		interval = given
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		lines := bufio.NewScanner(conn)
		for lines.Scan() {
			fmt.Println(lines.Text())
		}
		log.Fatal("the connection was closed")
	}()
	fmt.Fprintln(conn, "hello from Go")
	for {
		fmt.Fprintln(conn, "PING")
		time.Sleep(interval)
	}
}
