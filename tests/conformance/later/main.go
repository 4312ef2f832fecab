// The one case that h2spec 2.6.0 has and the pinned 2.2.1 has not, hpack/2.3.3/2: a literal whose name has an index
// beyond both tables is a decoding error (RFC 7541 §2.3.3), which ends the connection as COMPRESSION_ERROR (RFC 9113
// §4.3). Says so as h2spec does, so that its lines can stand with h2spec's own.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func main() {
	fmt.Println("HPACK: Header Compression for HTTP/2")
	fmt.Println("      2.3.3. Index Address Space, 2.6.0")
	mark := "✔"
	err := literalWithInvalidIndex(os.Args[1])
	if err != nil {
		mark = "×"
	}
	fmt.Printf("        %s 2: Sends a literal header field representation with invalid index\n", mark)
	if err != nil {
		fmt.Printf("          -> The endpoint MUST treat this as a decoding error.\n          Actual: %v\n", err)
		os.Exit(1)
	}
}

func literalWithInvalidIndex(address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return err
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, field := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", address}} {
		if err := encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]}); err != nil {
			return err
		}
	}
	// With incremental indexing: the name of entry 2000, which no table has yet, and an empty value.
	block.Write([]byte{0x7f, 0x91, 0x0f, 0x00})

	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		return err
	}
	framer := http2.NewFramer(conn, conn)
	if err := framer.WriteSettings(); err != nil {
		return err
	}
	headers := http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}
	if err := framer.WriteHeaders(headers); err != nil {
		return err
	}
	for {
		frame, err := framer.ReadFrame()
		if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
			return nil
		}
		if err != nil {
			return err
		}
		if goaway, ok := frame.(*http2.GoAwayFrame); ok {
			if goaway.ErrCode != http2.ErrCodeCompression {
				return fmt.Errorf("GOAWAY says %v; COMPRESSION_ERROR was expected", goaway.ErrCode)
			}
			return nil
		}
	}
}
