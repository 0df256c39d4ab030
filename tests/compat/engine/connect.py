"""What users of clickhouse-connect do, against ClickHouse's HTTP interface.

    connect.py http://127.0.0.1:8123
"""

import datetime
import decimal
import sys
import urllib.parse

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError

FAILURES = []


def expect(what, got, want):
    if got == want:
        print(f"ok   {what}")
    else:
        FAILURES.append(what)
        print(f"FAIL {what}: got {got!r}, want {want!r}")


def refused(what, act, part):
    try:
        act()
    except DatabaseError as error:
        expect(what, part if part in str(error) else str(error), part)
    else:
        expect(what, "no error", part)


def rows(count):
    start = datetime.datetime(2026, 5, 1, 12, tzinfo=datetime.timezone.utc)
    return [
        [i, f"op {i % 5}", start + datetime.timedelta(seconds=i), {"k": str(i)}, None if i % 3 else i, [i, i + 1]]
        for i in range(count)
    ]


COLUMNS = ["id", "name", "at", "tags", "maybe", "list"]


def run(host, port, compress):
    client = clickhouse_connect.get_client(host=host, port=port, compress=compress)
    table = f"compat_connect_{compress or 'plain'}".lower()
    expect("ping", client.ping(), True)
    expect("server version", client.server_version.startswith("26."), True)
    client.command(f"DROP TABLE IF EXISTS {table} SYNC")
    client.command(
        f"CREATE TABLE {table} (id UInt64, name LowCardinality(String), at DateTime('UTC'), tags Map(String, String),"
        " maybe Nullable(UInt64), list Array(UInt32)) ENGINE = MergeTree ORDER BY id"
    )
    data = rows(20000)
    summary = client.insert(table, data, column_names=COLUMNS)
    expect("written rows in the summary", int(summary.written_rows), 20000)
    result = client.query(f"SELECT * FROM {table} ORDER BY id")
    expect("column names", list(result.column_names), COLUMNS)
    got = [[*row[:2], row[2].replace(tzinfo=datetime.timezone.utc), *row[3:]] for row in result.result_rows]
    expect("every row back", got == data, True)

    bound = client.query(f"SELECT count() FROM {table} WHERE name = {{n:String}} AND id < {{i:UInt64}}",
                         parameters={"n": "op 1", "i": 100})
    expect("bound parameters", bound.first_item["count()"], 20)
    local = client.query(f"SELECT count() FROM {table} WHERE name = %(n)s", parameters={"n": "op 1"})
    expect("client side parameters", local.first_row[0], 4000)
    limited = client.query(f"SELECT id FROM {table}", settings={"limit": 3, "max_threads": 1})
    expect("settings", limited.row_count, 3)

    empty = client.query(f"SELECT id, name FROM {table} WHERE id > 10000000")
    expect("names of an empty result", (empty.column_names, empty.row_count), (("id", "name"), 0))
    expect("command with a value", client.command(f"SELECT max(id) FROM {table}"), 19999)
    with client.query_row_block_stream(f"SELECT id FROM {table}") as stream:
        expect("streamed rows", sum(len(block) for block in stream), 20000)
    expect("raw JSON", client.raw_query("SELECT 1 AS a", fmt="JSONEachRow"), b'{"a":1}\n')
    client.raw_insert(table, ["id", "name"], b"900001,raw\n", fmt="CSV")
    expect("raw insert", client.command(f"SELECT name FROM {table} WHERE id = 900001"), "raw")
    expect("arrow", client.query_arrow(f"SELECT id FROM {table} ORDER BY id").num_rows, 20001)
    expect("decimals", client.query("SELECT toDecimal64(1.5, 2)").first_row[0], decimal.Decimal("1.50"))
    expect("tables", table in [row[0] for row in client.query("SHOW TABLES").result_rows], True)

    refused("unknown table", lambda: client.query("SELECT * FROM no_such_table"), "UNKNOWN_TABLE")
    refused("unknown setting", lambda: client.query("SELECT 1", settings={"no_such": 1}), "no_such")
    refused("error midway", lambda: client.query("SELECT throwIf(number = 3000000) FROM numbers(4000000)"), "395")
    refused("bad insert", lambda: client.raw_insert(table, ["id"], b"x\n", fmt="CSV"), "DB::Exception: ")
    client.command(f"DROP TABLE {table} SYNC")
    client.close()


def main():
    url = urllib.parse.urlparse(sys.argv[1])
    for compress in [False, "lz4", "zstd", "gzip"]:
        print("== compression", compress)
        run(url.hostname, url.port, compress)
    if FAILURES:
        sys.exit(f"{len(FAILURES)} checks failed")


if __name__ == "__main__":
    main()
