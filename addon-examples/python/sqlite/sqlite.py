#!/usr/bin/env python3
"""Records flows into a SQLite database: one row of the table `flows` for each, when its response has come or it has failed.

Run: weir --addon addon-examples/python/sqlite/sqlite.py --set sqlite_file=/var/tmp/flows.db --set addons.sqlite.write=/var/tmp
then: sqlite3 /var/tmp/flows.db "SELECT host, count(*), avg(seconds) FROM flows GROUP BY host"
"""
import json
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sdk"))
import weir

TABLE = """CREATE TABLE IF NOT EXISTS flows (
  id TEXT PRIMARY KEY, started REAL, seconds REAL, client TEXT, method TEXT, scheme TEXT, host TEXT, port INTEGER, path TEXT,
  status INTEGER, request_headers TEXT, response_headers TEXT, error TEXT)"""
FIELDS = ["client_conn.peername", "error", "request", "response", "timestamp_created"]

addon = weir.Addon("sqlite", "1.0")
addon.option("sqlite_file", "str", default=str(Path(tempfile.gettempdir(), "flows.db")), help="The database that flows are recorded into.")
database = None


def text(value):
    """A byte string for people: what is no UTF-8 is shown as Latin-1."""
    return value if isinstance(value, str) else weir.bytes_of(value).decode("latin-1")


@addon.on("configure")
def configure(event):
    global database
    if "sqlite_file" not in event.params["updated"]:
        return
    file = event.params["options"]["sqlite_file"]
    if not Path(file).is_absolute():
        raise weir.Error(f"sqlite_file: {file!r} does not say in which folder")
    try:
        opened = sqlite3.connect(file)
        opened.execute("PRAGMA journal_mode = WAL")
        opened.execute(TABLE)
    except sqlite3.Error as failure:
        raise weir.Error(f"sqlite_file: {file}: {failure}") from None
    close()
    database = opened
    addon.log("info", f"flows are recorded into {file}")


@addon.on("response", observe=True, fields=[f"flow.{field}" for field in FIELDS])
@addon.on("error", observe=True, fields=[f"flow.{field}" for field in FIELDS])
def record(event):
    flow, request = event.flow, event.flow["request"]
    response, error = flow.get("response") or {}, flow.get("error") or {}
    ended = response.get("timestamp_start") or error.get("timestamp") or time.time()
    row = {
        "id": flow["id"],
        "started": flow["timestamp_created"],
        "seconds": ended - flow["timestamp_created"],
        "client": flow["client_conn"]["peername"][0],
        **{name: text(request[name]) for name in ("method", "scheme", "host", "path")},
        "port": request["port"],
        "status": response.get("status_code"),
        "request_headers": json.dumps(request["headers"]),
        "response_headers": json.dumps(response.get("headers")),
        "error": error.get("msg"),
    }
    database.execute(f"INSERT OR REPLACE INTO flows ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


@addon.on("tick")
def tick(event):
    """One transaction for what came within 100 ms."""
    if database and database.in_transaction:
        database.commit()


@addon.on("shutdown")
def shutdown(event):
    close()


def close():
    global database
    if database:
        database.commit()
        database.close()
        database = None


addon.run()
