"""A backend that says every line back, and who says so. It prints what it hears: no heartbeat is among it."""

import os
import socketserver
import sys


class Lines(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            print(line.decode(errors="replace"), end="", flush=True)
            self.wfile.write(b"backend %d: %s" % (os.getpid(), line))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


port = int(sys.argv[1]) if len(sys.argv) > 1 else 7001
Server(("127.0.0.1", port), Lines).serve_forever()
