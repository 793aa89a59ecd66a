"""An HTTP service that filters ask: its path says how it behaves. Prints its port, then a line for each connection and request.

With the files of a certificate and its key it speaks TLS. What is asked of /slow is answered when a line is read.
"""

import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.note("connection")

    def do_GET(self):
        self.behave()

    def do_POST(self):
        self.behave()

    def behave(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        path = self.path.partition("?")[0]
        told = self.headers.get("authorization", "")
        self.note(f"{self.command} {self.path} {told!r} {body!r} {self.headers.get('traceparent', '-')}")
        if path == "/auth":
            return self.answer(*self.judge(told))
        if path == "/slow":
            sys.stdin.readline()
            return self.answer(200, [], b"!")
        if path == "/ok":
            return self.answer(200, [], b"!")
        if path == "/redirect":
            return self.answer(302, [("location", "/ok")], b"")
        if path == "/long":
            return self.answer(200, [], b"x" * 100_000)
        if path == "/endless":
            return self.endless()
        if path == "/cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfive!")
            self.close_connection = True
            return None
        if path == "/nonsense":
            self.wfile.write(b"this is no HTTP\r\n\r\n")
            self.close_connection = True
            return None
        return self.answer(500, [], b"wrong")

    def judge(self, told):
        if told == "Bearer alice":
            return 200, [("x-user", "alice")], b""
        if told == "Bearer slow":
            time.sleep(30)
        if told == "Bearer wrong":
            return 500, [], b"I do not know"
        if told == "Bearer login":
            return 302, [("location", "https://login.example/")], b""
        return 401, [("www-authenticate", "Bearer"), ("x-secret", "1")], b"who are you?"

    def endless(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        try:
            while True:
                self.wfile.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        except OSError:
            self.close_connection = True

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def note(self, what):
        print(what, flush=True)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
server.daemon_threads = True
if len(sys.argv) > 1:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*sys.argv[1:])
    server.socket = tls.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    sys.exit()
