// What Grafana's ClickHouse plugin does, by the client that it uses: clickhouse-go over HTTP.
//
//	engine http://127.0.0.1:8123 [http://127.0.0.1:4318]
//
// With an OTLP/HTTP endpoint, spans are sent there, and read by the statements that the plugin makes.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

var failures int

func check(what string, err error) {
	if err != nil {
		failures++
		fmt.Printf("FAIL %s: %v\n", what, err)
		return
	}
	fmt.Printf("ok   %s\n", what)
}

func expect(what string, got, want any, err error) {
	if err == nil && !reflect.DeepEqual(got, want) {
		err = fmt.Errorf("got %#v, want %#v", got, want)
	}
	check(what, err)
}

func open(address string, compression clickhouse.CompressionMethod, settings clickhouse.Settings) *sql.DB {
	return clickhouse.OpenDB(&clickhouse.Options{
		Addr:        []string{address},
		Auth:        clickhouse.Auth{Database: "default", Username: "default"},
		Protocol:    clickhouse.HTTP,
		Settings:    settings,
		HttpHeaders: map[string]string{"X-Grafana-Org-Id": "1"},
		DialTimeout: 10 * time.Second,
		ReadTimeout: 60 * time.Second,
		Compression: &clickhouse.Compression{Method: compression},
	})
}

type span struct {
	id       uint64
	name     string
	service  string
	at       time.Time
	tags     map[string]string
	duration uint64
}

func main() {
	endpoint, err := url.Parse(os.Args[1])
	if err != nil {
		panic(err)
	}
	for name, method := range map[string]clickhouse.CompressionMethod{
		"none": clickhouse.CompressionNone, "gzip": clickhouse.CompressionGZIP, "lz4": clickhouse.CompressionLZ4,
		"zstd": clickhouse.CompressionZSTD, "deflate": clickhouse.CompressionDeflate,
	} {
		fmt.Println("== compression", name)
		run(endpoint.Host, method, "compat_go_"+name)
	}
	if len(os.Args) > 2 {
		fmt.Println("== statements of Grafana's plugin")
		grafana(endpoint.Host, os.Args[2])
	}
	if failures > 0 {
		fmt.Printf("%d checks failed\n", failures)
		os.Exit(1)
	}
}

func run(address string, method clickhouse.CompressionMethod, table string) {
	ctx := context.Background()
	db := open(address, method, clickhouse.Settings{"max_execution_time": 64})
	defer db.Close()
	check("hello and ping", db.PingContext(ctx))

	rows, err := db.QueryContext(ctx, "SELECT 1")
	if err != nil {
		check("SELECT 1", err)
		return
	}
	columns, err := rows.Columns()
	expect("SELECT 1 has a column named 1", columns, []string{"1"}, err)
	rows.Close()

	exec := func(what, statement string) {
		_, err := db.ExecContext(ctx, statement)
		check(what, err)
	}
	exec("drop", "DROP TABLE IF EXISTS "+table+" SYNC")
	exec("create", "CREATE TABLE "+table+` (id UInt64, name LowCardinality(String), service String, at DateTime64(9),
		tags Map(LowCardinality(String), String), duration UInt64,
		Events Nested(Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String)))
		ENGINE = MergeTree ORDER BY (service, at)`)
	insert(ctx, db, table)
	read(ctx, db, table)
	empty(ctx, db, table)
	settings(ctx, address, method, table)
	native(ctx, address, method, table)
	errors(ctx, db)
	exec("drop again", "DROP TABLE "+table+" SYNC")
}

var start = time.Date(2026, 5, 1, 12, 0, 0, 123456789, time.UTC)

func example(i int) span {
	return span{uint64(i), fmt.Sprintf("op-%d", i%5), fmt.Sprintf("service-%d", i%3), start.Add(time.Duration(i) * time.Millisecond),
		map[string]string{"http.method": "GET", "n": fmt.Sprint(i)}, uint64(i) * 1000}
}

const spans = 10000

func insert(ctx context.Context, db *sql.DB, table string) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		check("begin", err)
		return
	}
	batch, err := tx.PrepareContext(ctx, "INSERT INTO "+table+" (id, name, service, at, tags, duration)")
	if err != nil {
		check("prepare a batch", err)
		return
	}
	for i := 0; i < spans; i++ {
		s := example(i)
		if _, err := batch.ExecContext(ctx, s.id, s.name, s.service, s.at, s.tags, s.duration); err != nil {
			check("append", err)
			return
		}
	}
	check("insert a batch", tx.Commit())
}

func read(ctx context.Context, db *sql.DB, table string) {
	rows, err := db.QueryContext(ctx, "SELECT id, name, service, at, tags, duration FROM "+table+" ORDER BY id")
	if err != nil {
		check("read back", err)
		return
	}
	defer rows.Close()
	count, wrong := 0, ""
	for rows.Next() {
		var s span
		if err := rows.Scan(&s.id, &s.name, &s.service, &s.at, &s.tags, &s.duration); err != nil {
			check("scan", err)
			return
		}
		want := example(count)
		s.at = s.at.UTC()
		if wrong == "" && !reflect.DeepEqual(s, want) {
			wrong = fmt.Sprintf("row %d is %v, not %v", count, s, want)
		}
		count++
	}
	expect("read back every row", fmt.Sprint(count, wrong), fmt.Sprint(spans, ""), rows.Err())

	var total uint64
	err = db.QueryRowContext(ctx, "SELECT count() FROM "+table+" WHERE service = ? AND at >= ?", "service-1", start).Scan(&total)
	expect("bound values", total, uint64(3333), err)
	err = db.QueryRowContext(ctx, "SELECT count() FROM "+table+" WHERE service = {s:String}",
		clickhouse.Named("s", "service-1")).Scan(&total)
	expect("server side parameters", total, uint64(3333), err)

	var names []string
	err = db.QueryRowContext(ctx, "SELECT groupUniqArray(10)(arrayJoin(mapKeys(tags))) FROM "+table).Scan(&names)
	expect("keys of a map", len(names), 2, err)
	var events []time.Time
	err = db.QueryRowContext(ctx, "SELECT `Events.Timestamp` FROM "+table+" LIMIT 1").Scan(&events)
	expect("a nested column", len(events), 0, err)
}

func empty(ctx context.Context, db *sql.DB, table string) {
	for what, statement := range map[string]string{
		"SELECT":         "SELECT id, name, tags FROM " + table + " WHERE id > 1000000",
		"WITH":           "WITH 1 AS one SELECT id, name, one FROM " + table + " WHERE id > 1000000 ORDER BY id LIMIT 10",
		"with SETTINGS":  "SELECT id, name, at FROM " + table + " WHERE id > 1000000 SETTINGS max_threads = 1",
		"with a comment": "SELECT id, name, at FROM " + table + " WHERE id > 1000000 -- the end",
	} {
		rows, err := db.QueryContext(ctx, statement)
		if err != nil {
			check("empty result of "+what, err)
			continue
		}
		columns, err := rows.Columns()
		expect("columns of an empty "+what, len(columns), 3, err)
		check("no rows of an empty "+what, rows.Err())
		rows.Close()
	}
	for _, statement := range []string{"SHOW TABLES FROM default LIKE '" + table + "'", "DESC TABLE " + table, "SHOW DATABASES"} {
		rows, err := db.QueryContext(ctx, statement)
		if err != nil {
			check(statement, err)
			continue
		}
		count := 0
		for rows.Next() {
			count++
		}
		if err = rows.Err(); err == nil && count == 0 {
			err = fmt.Errorf("no rows")
		}
		check(statement, err)
		rows.Close()
	}
}

func settings(ctx context.Context, address string, method clickhouse.CompressionMethod, table string) {
	filter := "{'" + table + "' : 'service = ''service-1''', 'default." + table + "' : 'service = ''service-1'''}"
	filter = strings.ReplaceAll(filter, "''", "\\'")
	db := open(address, method, clickhouse.Settings{"additional_table_filters": filter, "max_execution_time": 64})
	defer db.Close()
	var total uint64
	err := db.QueryRowContext(ctx, "SELECT count() FROM "+table).Scan(&total)
	expect("additional_table_filters by URL", total, uint64(3333), err)
	perQuery := clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"limit": 7}), clickhouse.WithQueryID("compat-go"))
	rows, err := db.QueryContext(perQuery, "SELECT id FROM "+table)
	count := 0
	for err == nil && rows.Next() {
		count++
	}
	expect("limit by URL", count, 7, err)
	clause := "SELECT count() FROM " + table + " settings additional_table_filters={'" + table + "' : 'id < 10'}"
	plain := open(address, method, nil)
	defer plain.Close()
	err = plain.QueryRowContext(ctx, clause).Scan(&total)
	expect("additional_table_filters by clause", total, uint64(10), err)
	err = plain.QueryRowContext(ctx, "SELECT count() FROM "+table).Scan(&total)
	expect("and not in the next request", total, uint64(spans), err)
}

// native uses the driver's own interface, as newer code of the plugin does.
func native(ctx context.Context, address string, method clickhouse.CompressionMethod, table string) {
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr: []string{address}, Protocol: clickhouse.HTTP,
		Auth:        clickhouse.Auth{Database: "default", Username: "default"},
		Compression: &clickhouse.Compression{Method: method},
	})
	if err != nil {
		check("open the native interface", err)
		return
	}
	defer conn.Close()
	version, err := conn.ServerVersion()
	if err == nil && version.Revision != 0 {
		err = fmt.Errorf("revision is %d", version.Revision)
	}
	check("server version", err)
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO "+table+" (id, name)")
	if err != nil {
		check("prepare a native batch", err)
		return
	}
	for i := 0; i < 100; i++ {
		if err = batch.Append(uint64(2000000+i), "native"); err != nil {
			break
		}
	}
	check("append natively", err)
	check("send a native batch", batch.Send())
	var total uint64
	err = conn.QueryRow(ctx, "SELECT count() FROM "+table+" WHERE name = 'native'").Scan(&total)
	expect("count what was sent", total, uint64(100), err)
	var result []struct {
		Service string `ch:"service"`
		Count   uint64 `ch:"c"`
	}
	err = conn.Select(ctx, &result, "SELECT service, count() AS c FROM "+table+" GROUP BY service ORDER BY service")
	expect("select into structs", len(result), 4, err)
}

func errors(ctx context.Context, db *sql.DB) {
	_, err := db.QueryContext(ctx, "SELECT * FROM no_such_table")
	if err == nil || !strings.Contains(err.Error(), "no_such_table") {
		check("an error by name", fmt.Errorf("got %v", err))
	} else {
		check("an error by name", nil)
	}
	rows, err := db.QueryContext(ctx, "SELECT throwIf(number = 3000000) FROM numbers(4000000)")
	for err == nil && rows.Next() {
	}
	if err == nil {
		err = rows.Err()
	}
	if err == nil {
		check("an error midway", fmt.Errorf("the rows were taken for all rows"))
	} else {
		check("an error midway", nil)
	}
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	_, err = db.QueryContext(short, "SELECT count() FROM numbers(10000000000000) WHERE sipHash64(number) = 1")
	if err == nil {
		check("a cancelled query", fmt.Errorf("it ended"))
	} else {
		check("a cancelled query", nil)
	}
	check("the connection after all that", db.PingContext(ctx))
}
