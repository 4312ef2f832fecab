"""The C-core side of the interoperability grid: the official cases as a client on Python's grpcio.

Exits with 0 when the case holds. grpcio cannot tell whether a message came compressed, so the contents of what was
inflated stand in for the flags. C-core keeps the load report of a call to itself, so `orca_per_rpc` is not here.
"""

import argparse
import contextlib
import faulthandler
import json
import threading
import time

import grpc
from google.protobuf.duration_pb2 import Duration
from grpc._cython import cygrpc

import empty_pb2
import messages_pb2
import orca_pb2
import orca_service_pb2
import orca_service_pb2_grpc
import test_pb2_grpc

# A case that takes longer hangs; where it does is then printed.
CASE_SECONDS = 45
LARGE_REQUEST = 271828
LARGE_RESPONSE = 314159
INPUTS = (27182, 8, 1828, 45904)
OUTPUTS = (31415, 9, 2653, 58979)
CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


class Failure(Exception):
    """A case that does not hold."""


def check(actual, expected, what):
    if actual != expected:
        raise Failure(f"{what}: {actual!r} came; {expected!r} was expected")


def payload(size):
    return messages_pb2.Payload(body=bytes(size))


def flag(value):
    return messages_pb2.BoolValue(value=value)


def input_request(size, compressed):
    return messages_pb2.StreamingInputCallRequest(expect_compressed=flag(compressed), payload=payload(size))


def duplex(sizes=(), body=0, **fields):
    parameters = [messages_pb2.ResponseParameters(size=size) for size in sizes]
    return messages_pb2.StreamingOutputCallRequest(response_parameters=parameters, payload=payload(body), **fields)


def simple(size=LARGE_REQUEST, response_size=LARGE_RESPONSE, **fields):
    return messages_pb2.SimpleRequest(response_size=response_size, payload=payload(size), **fields)


@contextlib.contextmanager
def ends_as(code, message=None):
    """The calls inside must end with this status."""
    try:
        yield
    except grpc.RpcError as error:
        check(error.code(), code, "status")
        if message is not None:
            check(error.details(), message, "status message")
    else:
        raise Failure(f"the call succeeded; {code} was expected")


class Requests:
    """An open stream of requests: a call reads from it until it is closed."""

    def __init__(self, *first):
        self.ready = threading.Condition()
        self.queue = list(first)
        self.closed = False

    def __iter__(self):
        return self

    def __next__(self):
        with self.ready:
            self.ready.wait_for(lambda: self.queue or self.closed)
            if not self.queue:
                raise StopIteration
            return self.queue.pop(0)

    def send(self, request):
        with self.ready:
            self.queue.append(request)
            self.ready.notify()

    def close(self):
        with self.ready:
            self.closed = True
            self.ready.notify()


@case
def empty_unary(stub, channel):
    check(stub.EmptyCall(empty_pb2.Empty()), empty_pb2.Empty(), "response")


@case
def large_unary(stub, channel):
    response = stub.UnaryCall(simple())
    check(response.payload.body, bytes(LARGE_RESPONSE), "payload")


@case
def client_compressed_unary(stub, channel):
    with ends_as(grpc.StatusCode.INVALID_ARGUMENT):
        stub.UnaryCall(simple(expect_compressed=flag(True)))
    client_compressed_unary_noprobe(stub, channel)


@case
def client_compressed_unary_noprobe(stub, channel):
    for compression in (grpc.Compression.Gzip, grpc.Compression.NoCompression):
        request = simple(expect_compressed=flag(compression == grpc.Compression.Gzip))
        response = stub.UnaryCall(request, compression=compression)
        check(len(response.payload.body), LARGE_RESPONSE, "payload size")


@case
def server_compressed_unary(stub, channel):
    for compressed in (True, False):
        response = stub.UnaryCall(simple(response_compressed=flag(compressed)))
        check(response.payload.body, bytes(LARGE_RESPONSE), "payload")


@case
def client_streaming(stub, channel):
    requests = (messages_pb2.StreamingInputCallRequest(payload=payload(size)) for size in INPUTS)
    check(stub.StreamingInputCall(requests).aggregated_payload_size, 74922, "sum")


@case
def client_compressed_streaming(stub, channel):
    with ends_as(grpc.StatusCode.INVALID_ARGUMENT):
        stub.StreamingInputCall(iter([input_request(27182, True)]))
    client_compressed_streaming_noprobe(stub, channel)


@case
def client_compressed_streaming_noprobe(stub, channel):
    """C-core takes the choice for each message; Python's surface does not pass it on, so it is put in below it."""
    operation = cygrpc.SendMessageOperation
    plain = []

    def send_message(message, flags):
        if any(message is wire for wire in plain):
            flags |= cygrpc.WriteFlag.no_compress
        return operation(message, flags)

    def serialise(request):
        wire = request.SerializeToString()
        if not request.expect_compressed.value:
            plain.append(wire)
        return wire

    cygrpc.SendMessageOperation = send_message
    call = channel.stream_unary(
        "/grpc.testing.TestService/StreamingInputCall",
        request_serializer=serialise,
        response_deserializer=messages_pb2.StreamingInputCallResponse.FromString,
    )
    requests = [input_request(27182, True), input_request(45904, False)]
    response = call(iter(requests), compression=grpc.Compression.Gzip)
    check(response.aggregated_payload_size, 73086, "sum")


@case
def server_streaming(stub, channel):
    sizes = [len(response.payload.body) for response in stub.StreamingOutputCall(duplex(OUTPUTS))]
    check(sizes, list(OUTPUTS), "payload sizes")


@case
def server_compressed_streaming(stub, channel):
    request = duplex((31415, 92653))
    request.response_parameters[0].compressed.value = True
    request.response_parameters[1].compressed.value = False
    sizes = [len(response.payload.body) for response in stub.StreamingOutputCall(request)]
    check(sizes, [31415, 92653], "payload sizes")


@case
def ping_pong(stub, channel):
    requests = Requests()
    responses = stub.FullDuplexCall(requests)
    for size, body in zip(OUTPUTS, INPUTS):
        requests.send(duplex((size,), body))
        check(len(next(responses).payload.body), size, "payload size")
    requests.close()
    check(list(responses), [], "rest of the responses")


@case
def empty_stream(stub, channel):
    check(list(stub.FullDuplexCall(iter(()))), [], "responses")


@case
def custom_metadata(stub, channel):
    sent = (("x-grpc-test-echo-initial", "test_initial_metadata_value"), ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab"))
    _, unary = stub.UnaryCall.with_call(simple(), metadata=sent)
    stream = stub.FullDuplexCall(iter([duplex((LARGE_RESPONSE,), LARGE_REQUEST)]), metadata=sent)
    check([len(response.payload.body) for response in stream], [LARGE_RESPONSE], "payload sizes")
    for call in (unary, stream):
        check(dict(call.initial_metadata()).get(sent[0][0]), sent[0][1], "initial metadata")
        check(dict(call.trailing_metadata()).get(sent[1][0]), sent[1][1], "trailing metadata")


@case
def status_code_and_message(stub, channel, message="test status message"):
    status = messages_pb2.EchoStatus(code=2, message=message)
    with ends_as(grpc.StatusCode.UNKNOWN, message):
        stub.UnaryCall(messages_pb2.SimpleRequest(response_status=status))
    with ends_as(grpc.StatusCode.UNKNOWN, message):
        list(stub.FullDuplexCall(iter([duplex(response_status=status)])))


@case
def special_status_message(stub, channel):
    message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
    status = messages_pb2.EchoStatus(code=2, message=message)
    with ends_as(grpc.StatusCode.UNKNOWN, message):
        stub.UnaryCall(messages_pb2.SimpleRequest(response_status=status))


@case
def unimplemented_method(stub, channel):
    with ends_as(grpc.StatusCode.UNIMPLEMENTED):
        channel.unary_unary("/grpc.testing.TestService/UnimplementedCall")(b"")


@case
def unimplemented_service(stub, channel):
    with ends_as(grpc.StatusCode.UNIMPLEMENTED):
        test_pb2_grpc.UnimplementedServiceStub(channel).UnimplementedCall(empty_pb2.Empty())


@case
def cancel_after_begin(stub, channel):
    call = stub.StreamingInputCall.future(Requests())
    call.cancel()
    check(call.code(), grpc.StatusCode.CANCELLED, "status")


@case
def cancel_after_first_response(stub, channel):
    call = stub.FullDuplexCall(Requests(duplex((31415,), 27182)))
    check(len(next(call).payload.body), 31415, "payload size")
    call.cancel()
    with ends_as(grpc.StatusCode.CANCELLED):
        next(call)


@case
def timeout_on_sleeping_server(stub, channel):
    with ends_as(grpc.StatusCode.DEADLINE_EXCEEDED):
        next(stub.FullDuplexCall(Requests(duplex(body=27182)), timeout=0.001))


@case
def concurrent_large_unary(stub, channel):
    calls = [stub.UnaryCall.future(simple()) for _ in range(1000)]
    for call in calls:
        check(len(call.result().payload.body), LARGE_RESPONSE, "payload size")


@case
def very_large_request(stub, channel):
    check(len(stub.UnaryCall(simple(1 << 20, 10)).payload.body), 10, "payload size")


@case
def pick_first_unary(stub, channel):
    ids = {stub.UnaryCall(simple(1, 1, fill_server_id=True)).server_id for _ in range(20)}
    check(len(ids), 1, "number of servers")
    check("" in ids, False, "empty id")


@case
def rpc_soak(stub, channel):
    for _ in range(20):
        large_unary(stub, channel)


@case
def channel_soak(stub, channel, target=None):
    for _ in range(20):
        with grpc.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1)]) as one:
            large_unary(test_pb2_grpc.TestServiceStub(one), one)


@case
def long_lived_channel(stub, channel):
    for call in range(4):
        if call:
            time.sleep(0.5)
        large_unary(stub, channel)


def dictated(cpu, memory, utilization):
    return messages_pb2.TestOrcaReport(
        cpu_utilization=cpu, memory_utilization=memory, utilization={"util": utilization}
    )


def reported(cpu, memory, utilization):
    return orca_pb2.OrcaLoadReport(cpu_utilization=cpu, mem_utilization=memory, utilization={"util": utilization})


@case
def orca_oob(stub, channel):
    requests = Requests()
    responses = stub.FullDuplexCall(requests)
    interval = Duration(nanos=50_000_000)
    reports = orca_service_pb2_grpc.OpenRcaServiceStub(channel).StreamCoreMetrics(
        orca_service_pb2.OrcaLoadReportRequest(report_interval=interval)
    )
    for load in ((0.8210, 0.5847, 0.30499), (0.29309, 0.2, 0.2039)):
        requests.send(duplex((1,), orca_oob_report=dictated(*load)))
        next(responses)
        if not any(report == reported(*load) for report in reports):
            raise Failure("the load was never reported")
    reports.cancel()
    requests.close()
    check(list(responses), [], "rest of the responses")


@case
def max_concurrent_streams_connection_scaling(stub, channel):
    addresses = []
    calls = []
    for _ in range(3):
        request = duplex((1,))
        request.response_parameters[0].fill_peer_socket_address.value = True
        calls.append(stub.FullDuplexCall(Requests(request)))
        addresses.append(next(calls[-1]).peer_socket_address)
    check(addresses[0] == addresses[1], True, "the first two calls share a connection")
    check(addresses[1] == addresses[2], False, "the third call shares their connection")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server_host", default="127.0.0.1")
    parser.add_argument("--server_port", required=True)
    parser.add_argument("--test_case", required=True, choices=sorted(CASES))
    arguments = parser.parse_args()
    faulthandler.dump_traceback_later(CASE_SECONDS, exit=True)
    target = f"{arguments.server_host}:{arguments.server_port}"
    scaling = json.dumps({"connectionScaling": {"maxConnectionsPerSubchannel": 2}})
    with grpc.insecure_channel(target, options=[("grpc.service_config", scaling)]) as channel:
        stub = test_pb2_grpc.TestServiceStub(channel)
        more = {"target": target} if arguments.test_case == "channel_soak" else {}
        CASES[arguments.test_case](stub, channel, **more)


if __name__ == "__main__":
    main()
