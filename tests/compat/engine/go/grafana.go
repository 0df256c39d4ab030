package main

import (
	"bytes"
	"context"
	"database/sql"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// What the SQL generator of Grafana's ClickHouse plugin 4.20.0 (src/data/sqlGenerator.ts and CHVariableSupport.tsx, as of commit 1d04063a, 2026-08-20) makes in its
// OpenTelemetry mode, version "auto (latest)", with the filters and the order that a new trace search has and further ones. The search by id is made twice, as it
// is with and without a table otel_traces_trace_id_ts. Put in here: {trace}, {service}, {run}, and what the plugin's backend puts for $__fromTime and $__toTime.
//
//go:embed statements.json
var statementsJSON []byte

const patience = 120 * time.Second

// sent is a span that was sent, by what the statements ask of it.
type sent struct {
	trace, id, parent, service, name, kind, status, message, state string
	start, duration                                                int64
	tags, resource                                                 map[string]string
	event                                                          string
	eventTags                                                      map[string]string
	linkTrace, linkSpan                                            string
	linkTags                                                       map[string]string
}

// shop is a little traffic that bears marks of this run: two services, two traces, one of them with an error and with a span that begins late.
type shop struct {
	run, cart, pay string
	spans          []sent
	from, to       time.Time
}

func newShop() shop {
	now := time.Now()
	run := fmt.Sprintf("%016x", now.UnixNano())
	s := shop{run: run, cart: "aa" + strings.Repeat("0", 14) + run, pay: "bb" + strings.Repeat("0", 14) + run}
	base := now.Add(-10*time.Second).UnixNano()/1e9*1e9 + 123456789
	resource := func(service string) map[string]string { return map[string]string{"service.name": service, "run": run} }
	front, base2 := "compat-shop-"+run, "compat-stock-"+run
	s.spans = []sent{
		{trace: s.cart, id: "1000000000000001", service: front, name: "GET /cart", kind: "Server", status: "Error", message: "it \"broke\" 🏦", state: "a=b",
			start: base, duration: 5_000_000_001, tags: map[string]string{"cart.id": "7 🏦", "http.method": "GET", "empty": ""}, resource: resource(front),
			event: "began", eventTags: map[string]string{"why": "a 'quoted' \\ word"}, linkTrace: s.pay, linkSpan: "2000000000000001", linkTags: map[string]string{"kind": "follows"}},
		{trace: s.cart, id: "1000000000000002", parent: "1000000000000001", service: base2, name: "SELECT stock", kind: "Client", status: "Unset",
			start: base + 4_900_000_000, duration: 1500, tags: map[string]string{"db.system": "postgresql"}, resource: resource(base2)},
		{trace: s.pay, id: "2000000000000001", service: front, name: "POST /pay", kind: "Server", status: "Ok",
			start: base + 1_000_000, duration: 20_000_000, tags: map[string]string{"cart.id": "8"}, resource: resource(front)},
		{trace: s.pay, id: "2000000000000002", parent: "2000000000000001", service: front, name: "pay inside", kind: "Internal", status: "Unset",
			start: base + 2_000_000, duration: 0, tags: map[string]string{}, resource: resource(front)},
	}
	s.from, s.to = time.Unix(0, base).Add(-time.Minute), now.Add(time.Minute)
	return s
}

type object = map[string]any

func attributes(of map[string]string) []object {
	list := []object{}
	for key, value := range of {
		list = append(list, object{"key": key, "value": object{"stringValue": value}})
	}
	return list
}

func index(names string, name string) int {
	for at, each := range strings.Fields(names) {
		if each == name {
			return at
		}
	}
	panic(name)
}

func (s *shop) send(otlp string) error {
	var all []object
	for _, span := range s.spans {
		one := object{"traceId": span.trace, "spanId": span.id, "parentSpanId": span.parent, "traceState": span.state, "name": span.name,
			"kind": 1 + index("Internal Server Client Producer Consumer", span.kind), "startTimeUnixNano": fmt.Sprint(span.start),
			"endTimeUnixNano": fmt.Sprint(span.start + span.duration), "attributes": attributes(span.tags),
			"status": object{"code": index("Unset Ok Error", span.status), "message": span.message}}
		if span.event != "" {
			one["events"] = []object{{"name": span.event, "timeUnixNano": fmt.Sprint(span.start), "attributes": attributes(span.eventTags)}}
			one["links"] = []object{{"traceId": span.linkTrace, "spanId": span.linkSpan, "attributes": attributes(span.linkTags)}}
		}
		all = append(all, object{"resource": object{"attributes": attributes(span.resource)}, "scopeSpans": []object{{"spans": []object{one}}}})
	}
	body, err := json.Marshal(object{"resourceSpans": all})
	if err != nil {
		return err
	}
	answer, err := http.Post(otlp+"/v1/traces", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer was %s", answer.Status)
	}
	return nil
}

func (s *shop) stored(ctx context.Context, db *sql.DB) error {
	for until := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		var count uint64
		err := db.QueryRowContext(ctx, "SELECT count() FROM throughline.otel_traces WHERE ResourceAttributes['run'] = ?", s.run).Scan(&count)
		if err != nil {
			return err
		}
		if count >= uint64(len(s.spans)) {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("%d of %d spans are stored", count, len(s.spans))
		}
	}
}

// ask returns rows as JSON would have them, so that they can be compared: times in nanoseconds, whatever is a list as one.
func ask(ctx context.Context, db *sql.DB, statement string) ([]string, [][]any, error) {
	rows, err := db.QueryContext(ctx, statement)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, nil, err
	}
	var names []string
	for _, column := range types {
		names = append(names, column.Name())
	}
	all := [][]any{}
	for rows.Next() {
		var into []any
		for _, column := range types {
			into = append(into, reflect.New(column.ScanType()).Interface())
		}
		if err := rows.Scan(into...); err != nil {
			return nil, nil, err
		}
		var row []any
		for _, pointer := range into {
			row = append(row, plain(reflect.ValueOf(pointer).Elem().Interface()))
		}
		all = append(all, row)
	}
	return names, all, rows.Err()
}

func plain(value any) any {
	if at, is := value.(time.Time); is {
		return fmt.Sprint(at.UnixNano())
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	var back any
	if err := json.Unmarshal(text, &back); err != nil {
		return err.Error()
	}
	return sorted(back)
}

// sorted puts lists of tags in the order of their keys: a map has none.
func sorted(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key := range value {
			value[key] = sorted(value[key])
		}
	case []any:
		for at := range value {
			value[at] = sorted(value[at])
		}
		sort.SliceStable(value, func(a, b int) bool { return keyOf(value[a]) < keyOf(value[b]) })
	}
	return value
}

func keyOf(value any) string {
	tag, _ := value.(map[string]any)
	key, _ := tag["key"].(string)
	return key
}

func tags(of map[string]string) any {
	list := []object{}
	for key, value := range of {
		list = append(list, object{"key": key, "value": value})
	}
	return plain(list)
}

// ms is what the statements make of nanoseconds: a double times another, not a quotient.
func ms(nanoseconds int64) any {
	millionth := 0.000001
	return float64(nanoseconds) * millionth
}

var traceColumns = strings.Fields("traceID spanID parentSpanID serviceName operationName startTime duration tags serviceTags statusCode logs references kind statusMessage traceState")

func (s *sent) traceRow() []any {
	logs, references := []any{}, []any{}
	if s.event != "" {
		logs = append(logs, object{"name": s.event, "timestamp": strconv.FormatInt(s.start/1e6, 10), "fields": tags(s.eventTags)})
		references = append(references, object{"traceID": s.linkTrace, "spanID": s.linkSpan, "tags": tags(s.linkTags)})
	}
	status := 0.0
	if s.status == "Error" {
		status = 2
	}
	return []any{s.trace, s.id, s.parent, s.service, s.name, ms(s.start), ms(s.duration), tags(s.tags), tags(s.resource), status, plain(logs), plain(references),
		s.kind, s.message, s.state}
}

var searchColumns = strings.Fields("traceID serviceName operationName startTime duration")

func (s *sent) searchRow() []any {
	return []any{s.trace, s.service, s.name, fmt.Sprint(s.start), ms(s.duration)}
}

// grafana sends spans and then asks for them as the plugin does.
func grafana(address, otlp string) {
	ctx := context.Background()
	db := open(address, clickhouse.CompressionGZIP, clickhouse.Settings{"max_execution_time": 64})
	defer db.Close()
	shop := newShop()
	err := shop.send(otlp)
	check("spans for the plugin are taken", err)
	if err == nil {
		err = shop.stored(ctx, db)
		check("and stored", err)
	}
	if err != nil {
		return
	}
	var statements map[string]string
	if err := json.Unmarshal(statementsJSON, &statements); err != nil {
		panic(err)
	}
	shop.searches(ctx, db, statements)
	for _, what := range []string{"trace by id", "trace by id without otel_traces_trace_id_ts"} {
		for _, trace := range []string{shop.cart, shop.pay, strings.Repeat("c", 32)} {
			shop.byID(ctx, db, what, trace, statements[what])
		}
		delete(statements, what)
	}
	shop.values(ctx, db, statements)
	expect("no statement was left out", len(statements), 0, nil)
	_, tables, err := ask(ctx, db, `SHOW TABLES FROM "throughline"`)
	expect("the plugin finds the table of times", fmt.Sprint(contains(tables, "otel_traces"), contains(tables, "otel_traces_trace_id_ts")), "true true", err)
	_, columns, err := ask(ctx, db, `DESC TABLE "throughline"."otel_traces_trace_id_ts"`)
	found := fmt.Sprint(len(columns), contains(columns, "TraceId"), contains(columns, "Start"), contains(columns, "End"))
	expect("and its three columns", found, "3 true true true", err)
}

func (s *shop) fill(statement, trace string) string {
	return strings.NewReplacer("{trace}", trace, "{service}", s.spans[0].service, "{run}", s.run, "$__fromTime", fmt.Sprintf("toDateTime(%d)", s.from.Unix()),
		"$__toTime", fmt.Sprintf("toDateTime(%d)", s.to.Unix())).Replace(statement)
}

func (s *shop) searches(ctx context.Context, db *sql.DB, statements map[string]string) {
	cart, stock, pay, inside := s.spans[0].searchRow(), s.spans[1].searchRow(), s.spans[2].searchRow(), s.spans[3].searchRow()
	for what, want := range map[string][][]any{
		"search": {pay, cart}, "search by operation": {pay}, "search by part of an operation": {inside, pay}, "search by duration": {cart},
		"search by status": {cart}, "search by tag": {cart}, "search by kind": {stock}, "search without rows": {},
	} {
		columns, rows, err := ask(ctx, db, s.fill(statements[what], ""))
		expect(what+": columns", columns, searchColumns, err)
		expect(what+": rows", rows, want, err)
		delete(statements, what)
	}
}

func (s *shop) byID(ctx context.Context, db *sql.DB, what, trace, statement string) {
	want := [][]any{}
	for _, span := range s.spans {
		if span.trace == trace {
			want = append(want, span.traceRow())
		}
	}
	columns, rows, err := ask(ctx, db, s.fill(statement, trace))
	sort.Slice(rows, func(a, b int) bool { return rows[a][1].(string) < rows[b][1].(string) })
	expect(what+": columns", columns, traceColumns, err)
	expect(fmt.Sprintf("%s: %d rows", what, len(want)), rows, want, err)
}

// values checks lists of values: other traffic may be there too, and each value is there once and in order.
func (s *shop) values(ctx context.Context, db *sql.DB, statements map[string]string) {
	for what, wanted := range map[string][]string{
		"services": {s.spans[0].service, s.spans[1].service}, "operations": {"GET /cart", "SELECT stock", "POST /pay", "pay inside"}, "values of a tag": {"7 🏦", "8"},
	} {
		columns, rows, err := ask(ctx, db, statements[what])
		expect(what+": columns", columns, []string{"value"}, err)
		for _, want := range wanted {
			expect(fmt.Sprintf("%s: %s", what, want), contains(rows, want), true, err)
		}
		ascending := sort.SliceIsSorted(rows, func(a, b int) bool { return rows[a][0].(string) <= rows[b][0].(string) })
		expect(what+": once each, in order", ascending, true, err)
		delete(statements, what)
	}
}

func contains(rows [][]any, value string) bool {
	for _, row := range rows {
		if row[0] == value {
			return true
		}
	}
	return false
}
