// The grpc-go side of the interoperability grid: the test server that grpc-go ships, on a port of its own, with
// the abilities added that it lacks: compression by request, the server's id, the client's address, load reports
// at the interval that the client asks for, and a limit on concurrent streams.
//
// Its first line of output is its port. It ends when its standard input does.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"time"

	xdsdata "github.com/cncf/xds/go/xds/data/orca/v3"
	xdsservice "github.com/cncf/xds/go/xds/service/orca/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/interop"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/orca"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

func main() {
	maxStreams := flag.Uint("max_streams", 0, "the most streams a connection may have at once; 0 is no limit")
	flag.Parse()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatalf("cannot listen on 127.0.0.1: %v", err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)

	options := []grpc.ServerOption{orca.CallMetricsServerOption(nil), grpc.StatsHandler(flagWatcher{})}
	if *maxStreams > 0 {
		options = append(options, grpc.MaxConcurrentStreams(uint32(*maxStreams)))
	}
	recorder := orca.NewServerMetricsRecorder()
	official := interop.NewTestServer(interop.NewTestServerOptions{MetricsRecorder: recorder})
	server := grpc.NewServer(options...)
	testpb.RegisterTestServiceServer(server, &testServer{TestServiceServer: official})
	xdsservice.RegisterOpenRcaServiceServer(server, &loadReports{recorder: recorder})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	log.Fatal(server.Serve(listener))
}

type testServer struct {
	testpb.TestServiceServer
}

func (s *testServer) UnaryCall(ctx context.Context, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	if err := checkCompressed(ctx, in.GetExpectCompressed()); err != nil {
		return nil, err
	}
	if err := compressResponses(ctx, in.GetResponseCompressed()); err != nil {
		return nil, err
	}
	response, err := s.TestServiceServer.UnaryCall(ctx, in)
	if err == nil && in.GetFillServerId() {
		response.ServerId = fmt.Sprint("grpc-go ", os.Getpid())
	}
	return response, err
}

func (s *testServer) StreamingInputCall(stream testpb.TestService_StreamingInputCallServer) error {
	sum := 0
	for {
		in, err := stream.Recv()
		if err == io.EOF {
			return stream.SendAndClose(&testpb.StreamingInputCallResponse{AggregatedPayloadSize: int32(sum)})
		}
		if err != nil {
			return err
		}
		if err := checkCompressed(stream.Context(), in.GetExpectCompressed()); err != nil {
			return err
		}
		sum += len(in.GetPayload().GetBody())
	}
}

func (s *testServer) StreamingOutputCall(in *testpb.StreamingOutputCallRequest, stream testpb.TestService_StreamingOutputCallServer) error {
	for _, parameters := range in.GetResponseParameters() {
		if parameters.GetCompressed().GetValue() {
			if err := grpc.SetSendCompressor(stream.Context(), "gzip"); err != nil {
				return err
			}
			break
		}
	}
	return s.TestServiceServer.StreamingOutputCall(in, &choosyStream{stream, in.GetResponseParameters()})
}

// choosyStream compresses the responses that are to be compressed. grpc-go has no word for leaving one out; but a
// message that was prepared is sent as it was prepared, and preparing knows only of the request's compression.
type choosyStream struct {
	testpb.TestService_StreamingOutputCallServer
	next []*testpb.ResponseParameters
}

func (c *choosyStream) Send(out *testpb.StreamingOutputCallResponse) error {
	compressed := c.next[0].GetCompressed().GetValue()
	c.next = c.next[1:]
	if compressed {
		return c.TestService_StreamingOutputCallServer.Send(out)
	}
	plain := &grpc.PreparedMsg{}
	if err := plain.Encode(c.TestService_StreamingOutputCallServer, out); err != nil {
		return err
	}
	return c.SendMsg(plain)
}

func (s *testServer) FullDuplexCall(stream testpb.TestService_FullDuplexCallServer) error {
	return s.TestServiceServer.FullDuplexCall(&addressFiller{TestService_FullDuplexCallServer: stream})
}

// addressFiller writes the client's address into responses whose request asks for it.
type addressFiller struct {
	testpb.TestService_FullDuplexCallServer
	fill bool
}

func (f *addressFiller) Recv() (*testpb.StreamingOutputCallRequest, error) {
	in, err := f.TestService_FullDuplexCallServer.Recv()
	for _, parameters := range in.GetResponseParameters() {
		f.fill = f.fill || parameters.GetFillPeerSocketAddress().GetValue()
	}
	return in, err
}

func (f *addressFiller) Send(out *testpb.StreamingOutputCallResponse) error {
	if from, ok := peer.FromContext(f.Context()); ok && f.fill {
		out.PeerSocketAddress = from.Addr.String()
	}
	return f.TestService_FullDuplexCallServer.Send(out)
}

func checkCompressed(ctx context.Context, expected *testpb.BoolValue) error {
	watched, ok := ctx.Value(watchedKey{}).(*watched)
	if expected == nil || !ok || watched.compressed == expected.GetValue() {
		return nil
	}
	return status.Errorf(codes.InvalidArgument, "the request says compressed: %v, but that is not how it came", expected.GetValue())
}

func compressResponses(ctx context.Context, wanted *testpb.BoolValue) error {
	if wanted == nil {
		return nil
	}
	name := "identity"
	if wanted.GetValue() {
		name = "gzip"
	}
	return grpc.SetSendCompressor(ctx, name)
}

// flagWatcher notes for each call whether its latest message came compressed: the flag itself is not shown, but
// the two sizes of a message are.
type flagWatcher struct{}

type watchedKey struct{}

type watched struct{ compressed bool }

func (flagWatcher) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, watchedKey{}, &watched{})
}

func (flagWatcher) HandleRPC(ctx context.Context, event stats.RPCStats) {
	if in, ok := event.(*stats.InPayload); ok {
		ctx.Value(watchedKey{}).(*watched).compressed = in.CompressedLength != in.Length
	}
}

func (flagWatcher) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (flagWatcher) HandleConn(context.Context, stats.ConnStats) {}

// loadReports streams what the test server recorded; grpc-go's own service reports twice a minute at most.
type loadReports struct {
	xdsservice.UnimplementedOpenRcaServiceServer
	recorder orca.ServerMetricsRecorder
}

func (l *loadReports) StreamCoreMetrics(in *xdsservice.OrcaLoadReportRequest, stream xdsservice.OpenRcaService_StreamCoreMetricsServer) error {
	interval := max(in.GetReportInterval().AsDuration(), 10*time.Millisecond)
	provider := l.recorder.(orca.ServerMetricsProvider)
	for {
		load := provider.ServerMetrics()
		report := &xdsdata.OrcaLoadReport{Utilization: load.Utilization}
		report.CpuUtilization = max(load.CPUUtilization, 0)
		report.MemUtilization = max(load.MemUtilization, 0)
		if err := stream.Send(report); err != nil {
			return err
		}
		select {
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-time.After(interval):
		}
	}
}
