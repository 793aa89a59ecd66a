"""An OTLP receiver for traces, metrics and logs, gRPC or HTTP, built from the official protocol definitions.

Prints one JSON object a line: first {"listening": PORT}, then one for each span, metric and record of a log with its
kind, resource, scope and the request's headers. Ends when its standard input does.

usage: otlp_receiver.py {grpc|http} PORT [SECONDS [CERT KEY]]

SECONDS: how long each request is kept waiting for its answer; CERT and KEY: files in PEM, to be spoken to by TLS only
"""

import base64
import concurrent.futures
import http.server
import json
import os
import ssl
import sys
import threading
import time

import grpc
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

PRINTING = threading.Lock()


def say(thing):
    with PRINTING:
        print(json.dumps(thing, sort_keys=True), flush=True)


def value_of(any_value):
    kind = any_value.WhichOneof("value")
    if kind is None:
        return None
    value = getattr(any_value, kind)
    if kind == "array_value":
        return [value_of(item) for item in value.values]
    if kind == "kvlist_value":
        return attributes_of(value.values)
    if kind == "bytes_value":
        return {"bytes": base64.b64encode(value).decode()}
    return value


def attributes_of(pairs):
    return {pair.key: value_of(pair.value) for pair in pairs}


def span_of(span):
    return {
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "parent_span_id": span.parent_span_id.hex(),
        "trace_state": span.trace_state,
        "flags": span.flags,
        "name": span.name,
        "kind": trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        "start_ns": span.start_time_unix_nano,
        "end_ns": span.end_time_unix_nano,
        "attributes": attributes_of(span.attributes),
        "dropped_attributes": span.dropped_attributes_count,
        "events": [{"name": event.name, "attributes": attributes_of(event.attributes)} for event in span.events],
        "links": [
            {
                "trace_id": link.trace_id.hex(),
                "span_id": link.span_id.hex(),
                "flags": link.flags,
                "attributes": attributes_of(link.attributes),
            }
            for link in span.links
        ],
        "status": {
            "code": trace_pb2.Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_").lower(),
            "message": span.status.message,
        },
    }


def point_of(point):
    told = MessageToDict(point, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    return {**told, "attributes": attributes_of(point.attributes)}


def metric_of(metric):
    kind = metric.WhichOneof("data")
    data = getattr(metric, kind)
    return {
        "name": metric.name,
        "unit": metric.unit,
        "description": metric.description,
        "kind": kind,
        "cumulative": getattr(data, "aggregation_temporality", None) == 2,
        "monotonic": getattr(data, "is_monotonic", None),
        "points": [point_of(point) for point in data.data_points],
    }


def record_of(record):
    return {
        "time_ns": record.time_unix_nano,
        "severity": record.severity_number,
        "severity_text": record.severity_text,
        "body": value_of(record.body),
        "attributes": attributes_of(record.attributes),
        "trace_id": record.trace_id.hex(),
    }


def report(kind, request, headers):
    """Of each kind: the request's list, the list in that, and the list in that."""
    lists, tell = {
        "span": (("resource_spans", "scope_spans", "spans"), span_of),
        "metric": (("resource_metrics", "scope_metrics", "metrics"), metric_of),
        "record": (("resource_logs", "scope_logs", "log_records"), record_of),
    }[kind]
    for of_resource in getattr(request, lists[0]):
        resource = attributes_of(of_resource.resource.attributes)
        for of_scope in getattr(of_resource, lists[1]):
            scope = of_scope.scope.name
            for thing in getattr(of_scope, lists[2]):
                say({"kind": kind, "resource": resource, "scope": scope, "headers": headers, "told": tell(thing)})


def exporter(service, kind, response, seconds):
    class Service(service):
        def Export(self, request, context):
            time.sleep(seconds)
            headers = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
            report(kind, request, headers)
            return response()

    return Service()


def serve_grpc(port, seconds, pair):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    traces = exporter(
        trace_service_pb2_grpc.TraceServiceServicer, "span", trace_service_pb2.ExportTraceServiceResponse, seconds
    )
    metrics = exporter(
        metrics_service_pb2_grpc.MetricsServiceServicer,
        "metric",
        metrics_service_pb2.ExportMetricsServiceResponse,
        seconds,
    )
    logs = exporter(
        logs_service_pb2_grpc.LogsServiceServicer, "record", logs_service_pb2.ExportLogsServiceResponse, seconds
    )
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(traces, server)
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(metrics, server)
    logs_service_pb2_grpc.add_LogsServiceServicer_to_server(logs, server)
    address = f"127.0.0.1:{port}"
    if pair:
        cert, key = (open(file, "rb").read() for file in pair)
        port = server.add_secure_port(address, grpc.ssl_server_credentials([(key, cert)]))
    else:
        port = server.add_insecure_port(address)
    server.start()
    # A gRPC server stops when nobody holds it any more.
    return port, server


PATHS = {
    "/v1/traces": ("span", trace_service_pb2.ExportTraceServiceRequest),
    "/v1/metrics": ("metric", metrics_service_pb2.ExportMetricsServiceRequest),
    "/v1/logs": ("record", logs_service_pb2.ExportLogsServiceRequest),
}


def serve_http(port, seconds, pair):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            time.sleep(seconds)
            known = self.path in PATHS and self.headers["content-type"] == "application/x-protobuf"
            if known:
                kind, message = PATHS[self.path]
                headers = {key.lower(): value for key, value in self.headers.items()}
                report(kind, message.FromString(body), headers)
            # The empty message, which is the answer to all three.
            answer = b""
            self.send_response(200 if known else 404)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    if pair:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1], server


def main():
    protocol, port = sys.argv[1], int(sys.argv[2])
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
    serve = {"grpc": serve_grpc, "http": serve_http}[protocol]
    port, _server = serve(port, seconds, sys.argv[4:6])
    say({"listening": port})
    sys.stdin.read()
    # Requests that are being kept waiting are not waited for.
    sys.stdout.flush()
    os._exit(0)


main()
