//! Inserts by HTTP: taken whole or not at all, told when refused, once per token.

use hyper::StatusCode;
use tokio::io::AsyncWriteExt as _;

use crate::support::{engine, eventually, percent, post, sql, table};

async fn count(t: &str) -> String {
    sql(&format!("SELECT count() FROM {t}")).await.trim().to_owned()
}

#[tokio::test]
async fn data_in_the_body_behind_the_statement() {
    let t = table("inline", "a UInt64, b String").await;
    for body in [
        format!("INSERT INTO {t} VALUES (1, 'a;b'), (2, 'it''s')"),
        format!("INSERT INTO {t} (a) FORMAT CSV\n3\n4\n"),
        format!("insert into {t} settings async_insert=0 format JSONEachRow {{\"a\":5}}"),
        format!("INSERT INTO {t} FORMAT TSV\r\n6\tx\n"),
    ] {
        post("/", body.clone()).await.ok();
    }
    assert_eq!(
        sql(&format!("SELECT groupArray(a) FROM (SELECT a FROM {t} ORDER BY a)")).await,
        "[1,2,3,4,5,6]\n"
    );
    assert_eq!(
        post("/", format!("INSERT INTO {t}")).await.code(),
        62,
        "an insert without data is no success"
    );
}

#[tokio::test]
async fn any_byte_survives() {
    let t = table("bytes", "a String").await;
    let value: Vec<u8> = (0..=255_u8).chain(*b"\n\n; SELECT 1; FORMAT Native\r\n\r\n").collect();
    let mut row = vec![0x80 | (value.len() & 0x7f) as u8, (value.len() >> 7) as u8];
    row.extend(&value);
    let mut body = format!("INSERT INTO {t} FORMAT RowBinary\n").into_bytes();
    body.extend(&row);
    post("/", body).await.ok();
    assert_eq!(post("/", format!("SELECT * FROM {t} FORMAT RowBinary")).await.ok(), row);
}

#[tokio::test]
async fn what_is_refused_is_told() {
    let t = table("refused", "a UInt64, b String, CONSTRAINT small CHECK a < 100").await;
    let target = |format: &str| format!("/?query={}", percent(&format!("INSERT INTO {t} FORMAT {format}")));
    assert_eq!(post(&target("CSV"), "1,x\n200,y\n").await.code(), 469);
    assert_eq!(post(&target("CSV"), "one,x\n").await.code(), 27);
    assert_eq!(post(&target("RowBinary"), vec![1, 0, 0]).await.code(), 33);
    assert_eq!(post(&target("Nothing"), "x").await.code(), 73);
    let unknown = percent("INSERT INTO no_such_table FORMAT CSV");
    assert_eq!(post(&format!("/?query={unknown}"), "1\n").await.code(), 60);
    assert_eq!(count(&t).await, "0");
    let done = post(&target("CSV"), "1,x\n2,y\n").await;
    assert_eq!(done.status, StatusCode::OK);
    let summary: serde_json::Value = serde_json::from_str(done.header("x-clickhouse-summary")).unwrap();
    assert_eq!(summary["written_rows"], "2");
}

#[tokio::test]
async fn one_block_of_one_token_is_stored_once() {
    let t = table("dedup", "a UInt64").await;
    let insert = |token: &str| {
        let target = format!(
            "/?async_insert=0&deduplicate_insert=enable&deduplicate_blocks_in_dependent_materialized_views=1\
             &insert_deduplication_token={token}&query={}",
            percent(&format!("INSERT INTO {t} FORMAT CSV"))
        );
        async move { post(&target, "1\n2\n3\n").await.ok() }
    };
    insert("batch-1").await;
    insert("batch-1").await;
    assert_eq!(count(&t).await, "3");
    insert("batch-2").await;
    assert_eq!(count(&t).await, "6");
}

#[tokio::test]
async fn an_insert_that_breaks_off_stores_nothing() {
    let t = table("cut", "a UInt64, b String").await;
    let target = format!("/?query={}", percent(&format!("INSERT INTO {t} FORMAT CSV")));
    let address = tokio::task::spawn_blocking(engine).await.unwrap();
    for head in ["Content-Length: 1000000", "Transfer-Encoding: chunked"] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let rows = "1,complete\n2,complete\n";
        let chunk = if head.starts_with("Content") {
            rows.to_owned()
        } else {
            format!("{:x}\r\n{rows}\r\n", rows.len())
        };
        let request = format!("POST {target} HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n{chunk}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let running = format!("SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO {t}%'");
        eventually("the insert has begun", || async { sql(&running).await == "1\n" }).await;
        drop(stream);
        eventually("the insert has ended", || async { sql(&running).await == "0\n" }).await;
    }
    assert_eq!(count(&t).await, "0");
}

#[tokio::test]
async fn an_insert_in_many_small_pieces_is_taken_whole() {
    let t = table("pieces", "a UInt64").await;
    let target = format!("/?query={}", percent(&format!("INSERT INTO {t} FORMAT CSV")));
    let address = tokio::task::spawn_blocking(engine).await.unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let head = format!("POST {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    for i in 0..5 {
        stream.write_all(format!("2\r\n{i}\n\r\n").as_bytes()).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    eventually("all rows are there", || async { count(&t).await == "5" }).await;
}
