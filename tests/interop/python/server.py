"""The C-core side of the interoperability grid: a test server on Python's grpcio.

Its first line of output is its port. It ends when its standard input does.
"""

import argparse
import os
import sys
import threading
import time
from concurrent import futures

import grpc
import messages_pb2
import empty_pb2
import orca_pb2
import orca_service_pb2_grpc
import test_pb2_grpc

ECHO_INITIAL = "x-grpc-test-echo-initial"
ECHO_TRAILING = "x-grpc-test-echo-trailing-bin"
LOAD_TRAILER = "endpoint-load-metrics-bin"


class Load:
    """The load that clients dictated, for the out-of-band reports; one client at a time may dictate."""

    def __init__(self):
        self.dictator = threading.Lock()
        self.report = orca_pb2.OrcaLoadReport()


class TestService(test_pb2_grpc.TestServiceServicer):
    """What a client asks for is what it gets. grpcio does not tell a handler whether a message came compressed, so
    `expect_compressed` is not checked: clients run the variants without the probe."""

    def __init__(self, load):
        self.load = load

    def EmptyCall(self, request, context):
        return empty_pb2.Empty()

    def UnaryCall(self, request, context):
        echo_metadata(context)
        trailers = list(context.trailing_metadata())
        if request.HasField("orca_per_query_report"):
            trailers.append((LOAD_TRAILER, load_report(request.orca_per_query_report).SerializeToString()))
            context.set_trailing_metadata(trailers)
        end_with(request.response_status, context)
        if request.response_compressed.value:
            context.set_compression(grpc.Compression.Gzip)
        response = messages_pb2.SimpleResponse(payload=payload(request.response_size))
        if request.fill_server_id:
            response.server_id = f"grpcio {os.getpid()}"
        return response

    def StreamingInputCall(self, requests, context):
        total = sum(len(request.payload.body) for request in requests)
        return messages_pb2.StreamingInputCallResponse(aggregated_payload_size=total)

    def StreamingOutputCall(self, request, context):
        if any(parameters.compressed.value for parameters in request.response_parameters):
            context.set_compression(grpc.Compression.Gzip)
        yield from responses(request, context)

    def FullDuplexCall(self, requests, context):
        echo_metadata(context)
        dictates = False
        try:
            for request in requests:
                end_with(request.response_status, context)
                if request.HasField("orca_oob_report"):
                    if not dictates:
                        dictates = self.load.dictator.acquire()
                    self.load.report = load_report(request.orca_oob_report)
                yield from responses(request, context)
        finally:
            if dictates:
                self.load.report = orca_pb2.OrcaLoadReport()
                self.load.dictator.release()

    def HalfDuplexCall(self, requests, context):
        for request in list(requests):
            yield from responses(request, context)


class OpenRcaService(orca_service_pb2_grpc.OpenRcaServiceServicer):
    """Reports of the load at the interval that the client asks for."""

    def __init__(self, load):
        self.load = load

    def StreamCoreMetrics(self, request, context):
        interval = max(request.report_interval.ToTimedelta().total_seconds(), 0.01)
        while context.is_active():
            yield self.load.report
            time.sleep(interval)


def echo_metadata(context):
    trailers = []
    for key, value in context.invocation_metadata():
        if key == ECHO_INITIAL:
            context.send_initial_metadata(((key, value),))
        if key == ECHO_TRAILING:
            trailers.append((key, value))
    context.set_trailing_metadata(trailers)


def end_with(status, context):
    if status.code:
        code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
        context.abort(code, status.message)


def responses(request, context):
    for parameters in request.response_parameters:
        if parameters.interval_us:
            time.sleep(parameters.interval_us / 1e6)
        if parameters.HasField("compressed") and not parameters.compressed.value:
            context.disable_next_message_compression()
        response = messages_pb2.StreamingOutputCallResponse(payload=payload(parameters.size))
        if parameters.fill_peer_socket_address.value:
            response.peer_socket_address = context.peer()
        yield response


def payload(size):
    return messages_pb2.Payload(body=bytes(size))


def load_report(dictated):
    return orca_pb2.OrcaLoadReport(
        cpu_utilization=dictated.cpu_utilization,
        mem_utilization=dictated.memory_utilization,
        request_cost=dictated.request_cost,
        utilization=dictated.utilization,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--max_streams", type=int, default=0)
    arguments = parser.parse_args()
    options = [("grpc.max_concurrent_streams", arguments.max_streams)] if arguments.max_streams else []
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=32), options=options)
    load = Load()
    test_pb2_grpc.add_TestServiceServicer_to_server(TestService(load), server)
    orca_service_pb2_grpc.add_OpenRcaServiceServicer_to_server(OpenRcaService(load), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    for _ in sys.stdin:
        pass
    server.stop(0)
    os._exit(0)


if __name__ == "__main__":
    main()
