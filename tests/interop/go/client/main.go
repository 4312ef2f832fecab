// The cases of the interoperability grid that grpc-go's own client does not have, made with its library:
// compression in one call, many large calls at once, a very large request, and a channel that lives long.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

const (
	largeRequest  = 271828
	largeResponse = 314159
	// More than a megabyte, below the 4 MiB that servers take by default.
	veryLargeRequest = 1 << 20
)

func main() {
	host := flag.String("server_host", "127.0.0.1", "the server's host")
	port := flag.Int("server_port", 0, "the server's port")
	name := flag.String("test_case", "", "the case to run")
	flag.Parse()
	cases := map[string]func(*tester) error{
		"client_compressed_unary":             (*tester).clientCompressedUnary,
		"client_compressed_unary_noprobe":     (*tester).clientCompressedUnaryNoProbe,
		"client_compressed_streaming":         (*tester).clientCompressedStreaming,
		"client_compressed_streaming_noprobe": (*tester).clientCompressedStreamingNoProbe,
		"server_compressed_unary":             (*tester).serverCompressedUnary,
		"server_compressed_streaming":         (*tester).serverCompressedStreaming,
		"concurrent_large_unary":              (*tester).concurrentLargeUnary,
		"very_large_request":                  (*tester).veryLargeRequest,
		"long_lived_channel":                  (*tester).longLivedChannel,
		"rst_during_data":                     (*tester).rstDuringData,
		"data_frame_padding":                  (*tester).largeUnary,
		"no_df_padding_sanity_test":           (*tester).largeUnary,
	}
	run, ok := cases[*name]
	if !ok {
		log.Fatalf("there is no case %q here", *name)
	}
	watcher := &flagWatcher{}
	conn, err := grpc.NewClient("passthrough:///"+net.JoinHostPort(*host, strconv.Itoa(*port)),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithStatsHandler(watcher))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(&tester{ctx: ctx, service: testpb.NewTestServiceClient(conn), watcher: watcher}); err != nil {
		log.Fatalf("%s: %v", *name, err)
	}
}

type tester struct {
	ctx     context.Context
	service testpb.TestServiceClient
	watcher *flagWatcher
}

func (t *tester) unary(request *testpb.SimpleRequest, size int, options ...grpc.CallOption) error {
	request.Payload = &testpb.Payload{Body: make([]byte, size)}
	response, err := t.service.UnaryCall(t.ctx, request, options...)
	if err != nil {
		return err
	}
	if got := len(response.GetPayload().GetBody()); got != int(request.ResponseSize) {
		return fmt.Errorf("the response has %d bytes; %d were asked for", got, request.ResponseSize)
	}
	return nil
}

func (t *tester) largeUnary() error {
	return t.unary(&testpb.SimpleRequest{ResponseSize: largeResponse}, largeRequest)
}

func (t *tester) clientCompressedUnary() error {
	err := t.unary(expectCompressed(true), largeRequest)
	if status.Code(err) != codes.InvalidArgument {
		return fmt.Errorf("a request that wrongly says to be compressed ended with %v; INVALID_ARGUMENT was expected", err)
	}
	return t.clientCompressedUnaryNoProbe()
}

func (t *tester) clientCompressedUnaryNoProbe() error {
	if err := t.unary(expectCompressed(true), largeRequest, grpc.UseCompressor(gzip.Name)); err != nil {
		return err
	}
	return t.unary(expectCompressed(false), largeRequest)
}

func expectCompressed(expected bool) *testpb.SimpleRequest {
	return &testpb.SimpleRequest{ResponseSize: largeResponse, ExpectCompressed: &testpb.BoolValue{Value: expected}}
}

func (t *tester) clientCompressedStreaming() error {
	stream, err := t.service.StreamingInputCall(t.ctx)
	if err != nil {
		return err
	}
	// The server may refuse the message while it is being sent; the end says so either way.
	_ = stream.Send(inputRequest(27182, true))
	if _, err := stream.CloseAndRecv(); status.Code(err) != codes.InvalidArgument {
		return fmt.Errorf("a request that wrongly says to be compressed ended with %v; INVALID_ARGUMENT was expected", err)
	}
	return t.clientCompressedStreamingNoProbe()
}

// clientCompressedStreamingNoProbe leaves one message of a compressed stream as it is. grpc-go has no word for that;
// but a message prepared for a stream without compression is sent as it was prepared.
func (t *tester) clientCompressedStreamingNoProbe() error {
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	uncompressed, err := t.service.StreamingInputCall(ctx)
	if err != nil {
		return err
	}
	plain := &grpc.PreparedMsg{}
	if err := plain.Encode(uncompressed, inputRequest(45904, false)); err != nil {
		return err
	}
	stream, err := t.service.StreamingInputCall(t.ctx, grpc.UseCompressor(gzip.Name))
	if err != nil {
		return err
	}
	if err := stream.Send(inputRequest(27182, true)); err != nil {
		return err
	}
	if err := stream.SendMsg(plain); err != nil {
		return err
	}
	response, err := stream.CloseAndRecv()
	if err != nil {
		return err
	}
	if sum := response.GetAggregatedPayloadSize(); sum != 73086 {
		return fmt.Errorf("the sum is %d; 73086 was expected", sum)
	}
	return nil
}

func inputRequest(size int, compressed bool) *testpb.StreamingInputCallRequest {
	return &testpb.StreamingInputCallRequest{
		Payload:          &testpb.Payload{Body: make([]byte, size)},
		ExpectCompressed: &testpb.BoolValue{Value: compressed},
	}
}

func (t *tester) serverCompressedUnary() error {
	for _, compressed := range []bool{true, false} {
		t.watcher.reset()
		request := &testpb.SimpleRequest{ResponseSize: largeResponse, ResponseCompressed: &testpb.BoolValue{Value: compressed}}
		if err := t.unary(request, largeRequest); err != nil {
			return err
		}
		if err := t.watcher.expect(compressed); err != nil {
			return err
		}
	}
	return nil
}

func (t *tester) serverCompressedStreaming() error {
	wanted := []*testpb.ResponseParameters{
		{Size: 31415, Compressed: &testpb.BoolValue{Value: true}},
		{Size: 92653, Compressed: &testpb.BoolValue{Value: false}},
	}
	t.watcher.reset()
	stream, err := t.service.StreamingOutputCall(t.ctx, &testpb.StreamingOutputCallRequest{ResponseParameters: wanted})
	if err != nil {
		return err
	}
	for _, parameters := range wanted {
		response, err := stream.Recv()
		if err != nil {
			return err
		}
		if got := len(response.GetPayload().GetBody()); got != int(parameters.Size) {
			return fmt.Errorf("a response has %d bytes; %d were asked for", got, parameters.Size)
		}
	}
	if _, err := stream.Recv(); err == nil || err.Error() != "EOF" {
		return fmt.Errorf("after two responses came %v; the end was expected", err)
	}
	return t.watcher.expect(true, false)
}

func (t *tester) concurrentLargeUnary() error {
	const calls = 1000
	results := make(chan error, calls)
	var running sync.WaitGroup
	for range calls {
		running.Go(func() { results <- t.largeUnary() })
	}
	running.Wait()
	close(results)
	for err := range results {
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *tester) veryLargeRequest() error {
	return t.unary(&testpb.SimpleRequest{ResponseSize: 10}, veryLargeRequest)
}

// rstDuringData is here because grpc-go's own client expects UNKNOWN, which its library does not answer any more.
func (t *tester) rstDuringData() error {
	if err := t.largeUnary(); status.Code(err) != codes.Internal {
		return fmt.Errorf("a call whose stream was reset ended with %v; INTERNAL was expected", err)
	}
	return nil
}

// longLivedChannel leaves the channel idle between calls; in the official suite for as long as one wants.
func (t *tester) longLivedChannel() error {
	for call := range 4 {
		if call > 0 {
			time.Sleep(500 * time.Millisecond)
		}
		if err := t.largeUnary(); err != nil {
			return fmt.Errorf("call %d: %w", call, err)
		}
	}
	return nil
}

// flagWatcher notes for each message that arrives whether it was compressed: the flag itself is not shown, but the
// two sizes of a message are.
type flagWatcher struct {
	mutex      sync.Mutex
	compressed []bool
}

func (w *flagWatcher) reset() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.compressed = nil
}

func (w *flagWatcher) expect(flags ...bool) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if fmt.Sprint(w.compressed) != fmt.Sprint(flags) {
		return fmt.Errorf("compressed flags were %v; %v were asked for", w.compressed, flags)
	}
	return nil
}

func (w *flagWatcher) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (w *flagWatcher) HandleRPC(_ context.Context, event stats.RPCStats) {
	if in, ok := event.(*stats.InPayload); ok {
		w.mutex.Lock()
		defer w.mutex.Unlock()
		w.compressed = append(w.compressed, in.CompressedLength != in.Length)
	}
}

func (w *flagWatcher) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (w *flagWatcher) HandleConn(context.Context, stats.ConnStats) {}
