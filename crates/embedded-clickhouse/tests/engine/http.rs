//! ClickHouse's HTTP interface as curl sees it.

use hyper::{Method, StatusCode};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{MAX_BODY, MAX_MEMORY, engine, eventually, name, percent, post, send, sql, table};

#[tokio::test]
async fn ping_and_paths() {
    for path in ["/ping", "/", "/replicas_status"] {
        let answer = send(Method::GET, path, &[], "").await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "Ok.\n"), "{path}");
    }
    assert_eq!(send(Method::GET, "/nothing", &[], "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(send(Method::DELETE, "/", &[], "").await.status, StatusCode::NOT_IMPLEMENTED);
}

#[tokio::test]
async fn the_statement_comes_by_url_or_body_or_both() {
    assert_eq!(send(Method::GET, "/?query=SELECT+1", &[], "").await.ok(), b"1\n");
    assert_eq!(post("/", "SELECT 2").await.ok(), b"2\n");
    assert_eq!(post("/?query=SELECT+3,", "4").await.ok(), b"3\t4\n");
}

#[tokio::test]
async fn headers_that_clients_read() {
    let answer = post("/?query_id=my-id&session_timezone=Asia/Tokyo", "SELECT 1 FORMAT JSONEachRow").await;
    assert_eq!(answer.header("x-clickhouse-query-id"), "my-id");
    assert_eq!(answer.header("x-clickhouse-format"), "JSONEachRow");
    assert_eq!(answer.header("x-clickhouse-timezone"), "Asia/Tokyo");
    assert!(!answer.header("x-clickhouse-server-display-name").is_empty());
    let summary: serde_json::Value = serde_json::from_str(answer.header("x-clickhouse-summary")).unwrap();
    assert_eq!(summary["result_rows"], "1");
    assert!(summary["elapsed_ns"].as_str().unwrap().parse::<u64>().unwrap() > 0);
    let other = post("/", "SELECT 1").await;
    assert_eq!(other.header("x-clickhouse-query-id").len(), 36);
    // a statement that runs is found by the client's id
    let found = "SELECT count() FROM system.processes WHERE position(Settings['log_comment'], 'query_id:own-id ') > 0";
    assert_eq!(post("/?query_id=own-id&log_comment=mine", found).await.ok(), b"1\n");
    let failed = post("/?query_id=own-id", "SELECT nothing").await;
    assert_eq!((failed.header("x-clickhouse-query-id"), failed.code()), ("own-id", 47));
}

/// clickhouse-connect names a session in each request; who has to have one is told.
#[tokio::test]
async fn sessions_are_not_kept() {
    assert_eq!(post("/?session_id=s&session_timeout=60", "SET max_threads = 3").await.ok(), b"");
    let next = post("/?session_id=s", "SELECT getSetting('max_threads') = 3").await;
    assert_eq!(next.ok(), b"0\n");
    assert_eq!(post("/?session_id=s&session_check=1", "SELECT 1").await.code(), 372);
}

#[tokio::test]
async fn settings_of_one_request_do_not_reach_the_next() {
    let asked = "SELECT getSetting('max_threads'), getSetting('max_execution_time')";
    assert_eq!(post("/?max_threads=3&max_execution_time=7", asked).await.ok(), b"3\t7\n");
    assert!(!post("/", asked).await.text().starts_with("3\t"));
    let unknown = post("/?no_such_setting=1", "SELECT 1").await;
    assert_eq!((unknown.status, unknown.code()), (StatusCode::NOT_FOUND, 115));
    assert!(unknown.text().starts_with("Code: 115. DB::Exception: "), "{}", unknown.text());
    // values and names cannot break out of their quotes
    let hostile =
        post(&format!("/?log_comment={}", percent("'\\', readonly='1")), "SELECT getSetting('readonly')")
            .await;
    assert_eq!(hostile.ok(), b"0\n");
    assert_eq!(post(&format!("/?{}=1", percent("a`=1, max_threads")), "SELECT 1").await.code(), 115);
}

#[tokio::test]
async fn databases_default_formats_and_limits() {
    let database = name("db");
    sql(&format!("CREATE DATABASE {database}")).await;
    post(&format!("/?database={database}"), "CREATE TABLE t (a Int8) ENGINE = Memory").await.ok();
    assert_eq!(sql(&format!("EXISTS TABLE {database}.t")).await, "1\n");
    assert_eq!(post("/?database=nowhere", "SELECT 1").await.code(), 81);
    let numbers = "SELECT number FROM numbers(5)";
    assert_eq!(post("/?default_format=JSONEachRow&limit=1", numbers).await.ok(), b"{\"number\":0}\n");
    let by_header = send(Method::POST, "/?limit=1", &[("X-ClickHouse-Format", "CSV")], numbers).await;
    assert_eq!(by_header.header("content-type"), "text/csv; charset=UTF-8; header=absent");
}

#[tokio::test]
async fn exceptions_carry_code_status_and_text() {
    for (statement, code, status) in [
        ("SELEC 1", 62, StatusCode::BAD_REQUEST),
        ("SELECT * FROM no_such_table", 60, StatusCode::NOT_FOUND),
        ("SELECT no_such_column", 47, StatusCode::NOT_FOUND),
        ("SELECT throwIf(1)", 395, StatusCode::INTERNAL_SERVER_ERROR),
        ("SELECT sleep(3) SETTINGS max_execution_time = 1", 159, StatusCode::REQUEST_TIMEOUT),
        ("", 62, StatusCode::BAD_REQUEST),
    ] {
        let answer = post("/", statement).await;
        assert_eq!((answer.code(), answer.status), (code, status), "{statement}: {}", answer.text());
        assert!(answer.text().starts_with(&format!("Code: {code}. DB::Exception: ")), "{}", answer.text());
    }
}

#[tokio::test]
async fn an_exception_midway_is_framed_and_cuts_the_connection() {
    let answer = post("/", "SELECT throwIf(number = 3000000) FROM numbers(4000000)").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.broken, "a client must not take the rows for all rows");
    let tag = answer.header("x-clickhouse-exception-tag").to_owned();
    assert_eq!(tag.len(), 16);
    let text = answer.text();
    let start =
        text.find(&format!("\r\n__exception__\r\n{tag}\r\nCode: 395. DB::Exception: ")).expect("framed");
    let message = &text[start + 15 + 2 + 16 + 2..];
    let (message, length) = message.split_once('\n').unwrap();
    assert_eq!(length, format!("{} {tag}\r\n__exception__\r\n", message.len() + 1));
    // told in full where the client waits for the end
    let waited =
        post("/?wait_end_of_query=1", "SELECT throwIf(number = 3000000) FROM numbers(4000000)").await;
    assert_eq!((waited.code(), waited.status), (395, StatusCode::INTERNAL_SERVER_ERROR));
}

#[tokio::test]
async fn several_statements_are_refused_and_none_runs() {
    let t = table("multi", "a UInt8").await;
    for text in [
        format!("INSERT INTO {t} SELECT 1; INSERT INTO {t} SELECT 2"),
        format!("INSERT INTO {t} SELECT 1; SELEC"),
        format!("SELECT 1; DROP TABLE {t}"),
        format!("INSERT INTO {t} SELECT 1 PARALLEL WITH INSERT INTO {t} SELECT 2"),
        format!("INSERT INTO {t}; INSERT INTO {t} VALUES (1)"),
    ] {
        assert_eq!(post("/", text.clone()).await.code(), 62, "{text}");
    }
    assert_eq!(sql(&format!("SELECT count() FROM {t}")).await, "0\n");
    assert_eq!(post("/", "SELECT 1; -- and no more").await.ok(), b"1\n");
}

#[tokio::test]
async fn get_changes_nothing() {
    let create = percent("CREATE TABLE by_get (a Int8) ENGINE = Memory");
    assert_eq!(send(Method::GET, &format!("/?query={create}"), &[], "").await.code(), 164);
    assert_eq!(post("/?readonly=1", "CREATE TABLE by_ro (a Int8) ENGINE = Memory").await.code(), 164);
    // settings before readonly, whatever their order in the URL
    assert_eq!(post("/?readonly=1&max_threads=2", "SELECT getSetting('max_threads')").await.ok(), b"2\n");
    assert_eq!(send(Method::GET, "/?max_threads=2&query=SELECT+1", &[], "").await.ok(), b"1\n");
}

#[tokio::test]
async fn only_the_default_user_is_let_in() {
    for (headers, expected) in [
        (vec![("authorization", "Basic ZGVmYXVsdDo=")], StatusCode::OK),
        (vec![("x-clickhouse-user", "default"), ("x-clickhouse-key", "")], StatusCode::OK),
        (vec![("x-clickhouse-user", "root")], StatusCode::FORBIDDEN),
        (vec![("authorization", "Basic ZGVmYXVsdDpzZWNyZXQ=")], StatusCode::FORBIDDEN),
    ] {
        let answer = send(Method::POST, "/", &headers, "SELECT 1").await;
        assert_eq!(answer.status, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn parameters_by_url_and_by_form() {
    let asked = "SELECT {a:UInt8} + 1, {b:String}";
    let target = format!("/?param_a=4&param_b={}", percent("x' OR 1"));
    assert_eq!(post(&target, asked).await.ok(), b"5\tx\\' OR 1\n");
    let form = format!(
        "--bb\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\n{asked}\r\n--bb\r\nContent-Disposition: form-data; \
         name=\"param_a\"\r\n\r\n6\r\n--bb\r\nContent-Disposition: form-data; name=\"param_b\"\r\n\r\ny\r\n--bb--\r\n"
    );
    let answer = send(Method::POST, "/", &[("content-type", "multipart/form-data; boundary=bb")], form).await;
    assert_eq!(answer.ok(), b"7\ty\n");
    assert_eq!(post("/", asked).await.code(), 456);
}

#[tokio::test]
async fn limits_of_url_statement_and_body() {
    let mut stream = TcpStream::connect(tokio::task::spawn_blocking(engine).await.unwrap()).await.unwrap();
    let long = format!("GET /?log_comment={} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(70_000));
    stream.write_all(long.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 414");
    let statement = format!("SELECT '{}'", "x".repeat(17 << 20));
    assert_eq!(post("/?max_query_size=100000000", statement).await.code(), 62);
    let t = table("too_large", "a String").await;
    let target = format!("/?query={}", percent(&format!("INSERT INTO {t} FORMAT LineAsString")));
    let answer = post(&target, vec![b'x'; usize::try_from(MAX_BODY).unwrap() + 1]).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::PAYLOAD_TOO_LARGE, 641));
    assert_eq!(sql(&format!("SELECT count() FROM {t}")).await, "0\n");
}

#[tokio::test]
async fn a_client_that_goes_takes_its_statement_along() {
    let running = || async {
        sql("SELECT count() FROM system.processes WHERE query LIKE '%slow%one%' AND query NOT LIKE '%processes%'").await
    };
    for statement in [
        // computes for ever before its first row
        "SELECT 'slow one', count() FROM numbers(10000000000000) WHERE sipHash64(number) = 1",
        // and one that streams for ever
        "SELECT 'slow one', number FROM system.numbers",
        // and one that is no SELECT
        "INSERT INTO FUNCTION null('a UInt64') SELECT sipHash64(number) FROM numbers(10000000000000) -- slow one",
    ] {
        let client = tokio::spawn(post("/", statement));
        eventually("the statement runs", || async { running().await == "1\n" }).await;
        client.abort();
        eventually("the statement is gone", || async { running().await == "0\n" }).await;
    }
}

#[tokio::test]
async fn the_engine_is_durable_and_quiet() {
    let setting = |name: &'static str| {
        sql(&format!("SELECT value FROM system.merge_tree_settings WHERE name = '{name}'"))
    };
    assert_eq!(setting("fsync_after_insert").await, "1\n");
    assert_eq!(setting("fsync_part_directory").await, "1\n");
    let server =
        |name: &'static str| sql(&format!("SELECT value FROM system.server_settings WHERE name = '{name}'"));
    assert_eq!(server("background_pool_size").await, "2\n");
    assert_eq!(server("max_server_memory_usage").await, format!("{MAX_MEMORY}\n"));
    let greedy = post("/", "SELECT length(groupArray(number)) FROM numbers(1000000000)").await;
    assert_eq!(greedy.code(), 241, "{}", greedy.text());
    assert_eq!(sql("SELECT count() FROM system.tables WHERE name LIKE '%\\_log'").await, "0\n");
}
