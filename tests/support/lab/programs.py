"""Unmodified programs that stand behind or use Sluice in a lab. Each waits until it answers in its own namespace."""
import os
import pathlib
import shutil
import textwrap

from . import net
from .process import run, wait_for

HERE = pathlib.Path(__file__).resolve().parent.parent


def _listening(namespace, port):
    out = run(*net.inside(namespace, "ss", "-Hltn", f"sport = :{port}")).stdout
    return out.strip() != ""


def _program(lab, namespace, name, args, port, **options):
    directory = lab.directory / f"{namespace}-{name}"
    child = lab.processes.start(f"{namespace}-{name}", net.inside(namespace, *args), directory / "log", **options)
    wait_for(lambda: _listening(namespace, port) or child.poll() is not None, f"{name} in {namespace}", 30.0)
    if child.poll() is not None:
        raise RuntimeError(f"{name} ended: {(directory / 'log').read_text(errors='replace')[-2000:]}")
    return child


def _directory(lab, namespace, name):
    directory = lab.directory / f"{namespace}-{name}"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def nginx(lab, namespace, port=80, body="hello from nginx"):
    """Answers every path with `body`; the access log holds the client address that nginx saw."""
    directory = _directory(lab, namespace, "nginx")
    big = directory / "files"
    big.mkdir(exist_ok=True)
    config = directory / "nginx.conf"
    config.write_text(textwrap.dedent(f"""\
        daemon off; master_process off; worker_processes 1; pid {directory}/pid; error_log {directory}/error.log;
        events {{ worker_connections 4096; }}
        http {{
          access_log {directory}/access.log; keepalive_requests 100000;
          client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
          fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
          server {{
            listen {port}; listen [::]:{port} ipv6only=on;
            location / {{ return 200 "{body}, client=$remote_addr\\n"; }}
            location /files/ {{ root {directory}; }}
          }}
        }}
        """))
    _program(lab, namespace, "nginx", ["/usr/sbin/nginx", "-c", config, "-p", directory], port)
    return directory


def python(lab, namespace, name, script, port):
    """A server of a test's own, which listens on `port`."""
    _directory(lab, namespace, name)
    _program(lab, namespace, name, ["/usr/bin/python3", script], port)


def logging_app(lab, namespace, port):
    """Logs its requests whole, header fields and bodies, to the file that is returned; IPv4 only."""
    log = _directory(lab, namespace, "app") / "requests.log"
    log.touch()
    _program(lab, namespace, "app", ["/usr/bin/python3", HERE / "logging_app.py", port, log], port)
    return log


def backend_app(lab, namespace, port, name):
    """A backend with moods (backend_app.py); returns the file that holds the paths it was asked for; IPv4 only."""
    log = _directory(lab, namespace, "backend") / "paths.log"
    log.touch()
    _program(lab, namespace, "backend", ["/usr/bin/python3", HERE / "backend_app.py", port, name, log], port)
    return log


def redis(lab, namespace, port=6379):
    directory = _directory(lab, namespace, "redis")
    _program(lab, namespace, "redis",
             ["redis-server", "--port", port, "--bind", "0.0.0.0", "::", "--protected-mode", "no", "--save", "",
              "--dir", directory], port)


def _unprivileged(lab, directory, user):
    shutil.chown(directory, user, user)
    for parent in (lab.directory, lab.directory.parent):
        parent.chmod(0o755)


def postgres(lab, namespace, port=5432):
    directory = _directory(lab, namespace, "postgres")
    _unprivileged(lab, directory, "postgres")
    tools = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    if not (directory / "data").exists():
        run("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", tools / "initdb", "-D",
            directory / "data", "-A", "trust", "-N", "--locale=C")
        with open(directory / "data/pg_hba.conf", "a", encoding="utf-8") as out:
            out.write("host all all 0.0.0.0/0 trust\nhost all all ::/0 trust\n")
    (directory / "log").touch()
    _program(lab, namespace, "postgres",
             ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", tools / "postgres", "-D",
              directory / "data", "-h", "*", "-p", port, "-k", directory, "-F"], port)


def mariadb(lab, namespace, port=3306):
    """Server-first: the server speaks before the client does."""
    directory = _directory(lab, namespace, "mariadb")
    _unprivileged(lab, directory, "mysql")
    if not (directory / "data").exists():
        run("mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={directory}/data", "--skip-test-db",
            "--auth-root-authentication-method=normal")
        (directory / "init.sql").write_text(
            "CREATE USER IF NOT EXISTS 'app'@'%' IDENTIFIED BY 'secret';\nGRANT ALL ON *.* TO 'app'@'%';\n")
        shutil.chown(directory / "init.sql", "mysql", "mysql")
    (directory / "log").touch()
    _program(lab, namespace, "mariadb",
             ["mariadbd", "--no-defaults", "--user=mysql", f"--datadir={directory}/data", f"--port={port}",
              "--bind-address=*", f"--socket={directory}/sock", f"--pid-file={directory}/pid",
              "--innodb-buffer-pool-size=16M", "--skip-name-resolve", f"--init-file={directory}/init.sql"], port)
    question = ("mariadb", "--no-defaults", "-u", "root", f"--socket={directory}/sock", "-Ne",
                "select user from mysql.user where user = 'app'")
    wait_for(lambda: "app" in run(*question, check=False).stdout, "MariaDB's user to exist")


def https(lab, namespace, port=8443):
    """A Python HTTPS server with its own certificate that offers ALPN h2 and http/1.1; returns its certificate."""
    directory = _directory(lab, namespace, "https")
    if not (directory / "own.crt").exists():
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-subj", "/CN=own.example", "-addext", "subjectAltName=DNS:own.example",
            "-keyout", directory / "own.key", "-out", directory / "own.crt")
    server = directory / "server.py"
    server.write_text(textwrap.dedent(f"""\
        import http.server, socket, ssl
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = b"own certificate, alpn=" + str(self.connection.selected_alpn_protocol()).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            def log_message(self, *args):
                pass
        class Server(http.server.ThreadingHTTPServer):
            address_family = socket.AF_INET6
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain({str(directory / "own.crt")!r}, {str(directory / "own.key")!r})
        context.set_alpn_protocols(["h2", "http/1.1"])
        server = Server(("::", {port}), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.serve_forever()
        """))
    _program(lab, namespace, "https", ["/usr/bin/python3", server], port)
    return directory / "own.crt"


def environment_without_proxy():
    """The caller's environment without proxy variables, so that curl dials what it is told to dial."""
    return {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
