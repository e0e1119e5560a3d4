// The server that tools/dev/compare-http compares tallycast with: Go's net/http, with the same handler for /hello.
// It prints the address that it listens on, and runs until it is ended.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
)

func hello(reply http.ResponseWriter, _ *http.Request) {
	header := reply.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	io.WriteString(reply, "Hello from tallycast.\n")
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/hello", hello)
	fmt.Println(listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}
