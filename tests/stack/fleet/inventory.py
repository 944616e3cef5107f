"""Answers every request with a file, as http_sd_configs wants it: inventory.py PORT FILE."""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Inventory(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(Path(sys.argv[2]).read_bytes())

    def log_message(self, *_):
        pass


HTTPServer(("127.0.0.1", int(sys.argv[1])), Inventory).serve_forever()
