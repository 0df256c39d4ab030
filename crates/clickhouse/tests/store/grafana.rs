//! The statements of Grafana's ClickHouse plugin, and how little of the table they read.

use crate::engine::{Scene, spans};
use crate::sample;

async fn scene() -> Scene {
    let scene = Scene::new().await;
    scene.write(vec![spans(1, sample::block(40))]).await;
    scene
}

const RANGE: &str = "( Timestamp >= toDateTime64('2026-03-01 09:00:00', 9, 'UTC') AND Timestamp <= toDateTime64('2026-03-01 11:00:00', 9, 'UTC') )";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_by_id_with_and_without_its_times() {
    let scene = scene().await;
    let id = "05".repeat(16);
    let select = "SELECT \"TraceId\" as traceID, \"SpanId\" as spanID, \"ParentSpanId\" as parentSpanID, \"ServiceName\" as serviceName, \
        \"SpanName\" as operationName, multiply(toUnixTimestamp64Nano(\"Timestamp\"), 0.000001) as startTime, \
        multiply(\"Duration\", 0.000001) as duration, arrayMap(key -> map('key', key, 'value', \"SpanAttributes\"[key]), mapKeys(\"SpanAttributes\")) as tags, \
        arrayMap(key -> map('key', key, 'value', \"ResourceAttributes\"[key]), mapKeys(\"ResourceAttributes\")) as serviceTags, \
        if(\"StatusCode\" IN ('Error', 'STATUS_CODE_ERROR'), 2, 0) as statusCode, \"StatusMessage\" as statusMessage, \"TraceState\" as traceState, \
        arrayMap((name, timestamp, attributes) -> tuple(name, toString(toUnixTimestamp64Milli(timestamp)), arrayMap(key -> map('key', key, 'value', attributes[key]), mapKeys(attributes))), \
        \"Events\".Name, \"Events\".Timestamp, \"Events\".Attributes) AS logs, \
        arrayMap((traceID, spanID, attributes) -> tuple(traceID, spanID, arrayMap(key -> map('key', key, 'value', attributes[key]), mapKeys(attributes))), \
        \"Links\".TraceId, \"Links\".SpanId, \"Links\".Attributes) AS references, \"SpanKind\" as kind FROM \"otel_traces\"";
    let with = format!(
        "WITH '{id}' as trace_id, (SELECT min(Start) FROM \"otel_traces_trace_id_ts\" WHERE TraceId = trace_id) as trace_start, \
         (SELECT max(End) + 1 FROM \"otel_traces_trace_id_ts\" WHERE TraceId = trace_id) as trace_end \
         {select} WHERE traceID = trace_id AND \"Timestamp\" >= trace_start AND \"Timestamp\" <= trace_end LIMIT 1000"
    );
    let without = format!("{select} WHERE traceID = '{id}' LIMIT 1000");
    for sql in [with, without] {
        let rows = scene.ask(&format!("SELECT count(), uniqExact(spanID), countIf(parentSpanID = ''), countIf(kind = 'Server'), sum(length(tags)) FROM ({sql})")).await;
        assert_eq!(rows, "10\t10\t1\t1\t40");
    }
    let columns = scene.ask("SELECT groupArray(name) FROM system.columns WHERE database = currentDatabase() AND table = 'otel_traces_trace_id_ts'").await;
    assert_eq!(columns, "['TraceId','Start','End']");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn searches_services_and_operations() {
    let scene = scene().await;
    for (filter, wanted) in [
        ("1", 400),
        ("ParentSpanId = ''", 40),
        ("ServiceName = 'ledger'", 200),
        ("SpanName = 'POST /transfers'", 40),
        ("Duration > 5000000", 0),
        ("Duration >= 5000000", 400),
        ("StatusCode IN ('Error', 'STATUS_CODE_ERROR')", 40),
        ("SpanAttributes['http.request.method'] = 'POST'", 400),
        ("SpanAttributes['http.response.status_code'] = '201'", 200),
        ("SpanAttributes['user.id'] = 'user-7-3'", 1),
        ("SpanAttributes['payment.uetr'] = 'uetr-007'", 10),
        ("mapContains(SpanAttributes, 'user.id')", 400),
        ("SpanAttributes['absent'] = ''", 400),
        ("ResourceAttributes['service.name'] = 'ledger'", 200),
        ("TransactionId = 'uetr-007'", 10),
        ("Department = 'payments' AND KeptBy = 'rest' AND Weight = 20", 400),
    ] {
        let rows =
            scene.ask(&format!("SELECT count() FROM otel_traces WHERE {RANGE} AND ( {filter} )")).await;
        assert_eq!(rows, wanted.to_string(), "{filter}");
    }
    assert_eq!(
        scene.ask("SELECT DISTINCT ServiceName FROM otel_traces ORDER BY ServiceName").await,
        "ledger\npayment-api"
    );
    let operations = scene.ask(&format!("SELECT DISTINCT SpanName FROM otel_traces WHERE {RANGE} AND ServiceName = 'payment-api' ORDER BY SpanName")).await;
    assert_eq!(operations, "POST /transfers\nstep 2\nstep 4\nstep 6\nstep 8");
    let keys =
        scene.ask("SELECT arraySort(groupUniqArrayArray(mapKeys(SpanAttributes))) FROM otel_traces").await;
    assert_eq!(keys, "['http.request.method','http.response.status_code','payment.uetr','user.id']");
    let map = scene.ask("SELECT c.ServiceName, s.ServiceName, count() FROM otel_traces AS s JOIN otel_traces AS c ON s.TraceId = c.TraceId AND s.ParentSpanId = c.SpanId \
                         WHERE s.ServiceName != c.ServiceName GROUP BY 1, 2").await;
    assert_eq!(map, "payment-api\tledger\t200");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_set_from_outside_reach_the_view() {
    let scene = scene().await;
    let sql = "SELECT count() FROM otel_traces SETTINGS additional_table_filters = {'otel_traces' : 'SpanAttributes[\\'user.id\\'] = \\'user-7-3\\''}";
    assert_eq!(scene.ask(sql).await, "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditions_on_the_view_reach_the_tables_indexes() {
    let scene = scene().await;
    let sql = format!(
        "EXPLAIN indexes = 1 SELECT SpanName FROM otel_traces WHERE TraceId = '{}' AND {RANGE}",
        "05".repeat(16)
    );
    let plan = scene.ask(&sql).await;
    for wanted in ["Partition", "PrimaryKey", "toStartOfInterval", "Name: by_time", "Name: by_trace"] {
        assert!(plan.contains(wanted), "{wanted} is used:\n{plan}");
    }
    let plan = scene.ask("EXPLAIN indexes = 1 SELECT SpanName FROM otel_traces WHERE TransactionId = 'uetr-007' AND ServiceName = 'x'").await;
    for wanted in ["Name: by_transaction", "Name: by_service"] {
        assert!(plan.contains(wanted), "{wanted} is used:\n{plan}");
    }
}
