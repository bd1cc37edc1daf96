"""The PostgreSQL database that the extension's secrets name; each statement is committed before its answer is given."""
import contextlib
import datetime
import os
import threading

_IDLE_MAX = 10
_CONNECT_TIMEOUT_S = 10


def _psycopg():
    try:
        import psycopg
        import psycopg.rows
    except ImportError as error:
        raise RuntimeError(
            "Cannot use the database: the Python package psycopg is not there (%s); "
            "put psycopg[binary] into the extension's requirements.txt and install the extension again" % error
        ) from error
    return psycopg


def _setting(name, other, default):
    return os.getenv(name) or os.getenv(other) or default


class Database:
    """Connections that are used one after the other; safe to use from several threads."""

    def __init__(self):
        self._idle = []
        self._lock = threading.Lock()

    def _connect(self):
        psycopg = _psycopg()
        options = {"row_factory": psycopg.rows.dict_row, "connect_timeout": _CONNECT_TIMEOUT_S}
        if os.getenv("DATABASE_URL") and not os.getenv("DB_HOST"):
            return psycopg.connect(os.environ["DATABASE_URL"], **options)
        return psycopg.connect(
            host=_setting("DB_HOST", "PGHOST", "127.0.0.1"),
            port=_setting("DB_PORT", "PGPORT", "5432"),
            dbname=_setting("DB_NAME", "PGDATABASE", "luna"),
            user=_setting("DB_USER", "PGUSER", "postgres"),
            password=_setting("DB_PASSWORD", "PGPASSWORD", ""),
            **options,
        )

    def initialize(self, minconn=1, maxconn=_IDLE_MAX):
        """Nothing needs it: connections are made when they are used."""

    def get_connection(self):
        """A connection for the caller alone; give it back with `put_connection`."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        return connection or self._connect()

    def put_connection(self, connection):
        """Takes the connection back; what was not committed is rolled back."""
        keep = False
        with contextlib.suppress(Exception):
            if not connection.closed and not connection.broken:
                connection.rollback()
                keep = True
        with self._lock:
            if keep and len(self._idle) < _IDLE_MAX:
                self._idle.append(connection)
                return
        with contextlib.suppress(Exception):
            connection.close()

    def _run(self, query, params, read):
        psycopg = _psycopg()
        for attempt in (1, 2):
            connection = self.get_connection()
            try:
                with connection.cursor() as cursor:
                    cursor.execute(query, params or ())
                    answer = read(cursor) if cursor.description is not None else None
                connection.commit()
                return answer
            except psycopg.OperationalError:
                # The server ended idle connections. What was not committed has not happened.
                if attempt == 2 or not connection.broken:
                    raise
                self.close_all()
            finally:
                self.put_connection(connection)

    def execute(self, query, params=None, fetch=True):
        """Runs one statement; its rows as a list of dicts, or None without `fetch`."""
        rows = self._run(query, params, lambda cursor: cursor.fetchall())
        return (rows or []) if fetch else None

    def execute_one(self, query, params=None):
        """Runs one statement; its first row as a dict, or None."""
        return self._run(query, params, lambda cursor: cursor.fetchone())

    def close_all(self):
        """Closes what is idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


db = Database()


def get_db():
    """The one database of this process."""
    return db


def utc_now():
    """The time in UTC, without a time zone."""
    return datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)


def format_ny_time(utc_timestamp):
    """A time in UTC as New York's clocks show it."""
    utc = utc_timestamp.replace(tzinfo=datetime.timezone.utc)
    try:
        import zoneinfo

        return utc.astimezone(zoneinfo.ZoneInfo("America/New_York")).strftime("%Y-%m-%d %H:%M:%S %Z")
    except Exception:  # No table of time zones on this machine.
        return utc.strftime("%Y-%m-%d %H:%M:%S UTC")


def fetch_all_memories():
    """Memories of the extension that keeps them, the oldest first."""
    return db.execute("SELECT id, content FROM memories ORDER BY id ASC")


def fetch_memory_by_id(memory_id):
    """One memory, or None."""
    return db.execute_one("SELECT id, content FROM memories WHERE id = %s", (memory_id,))
