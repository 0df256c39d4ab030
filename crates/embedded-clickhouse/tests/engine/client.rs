//! The `clickhouse` crate, unchanged, plain and with LZ4.

use clickhouse::{Client, Compression, Row};
use serde::{Deserialize, Serialize};

use crate::support::{engine, table};

#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
struct Span {
    id: u64,
    name: String,
    tags: Vec<(String, String)>,
    duration: Option<i32>,
}

fn span(id: u64) -> Span {
    let duration = (!id.is_multiple_of(3)).then(|| i32::try_from(id % 1000).unwrap() - 500);
    Span { id, name: format!("span {id}"), tags: vec![("k".into(), format!("v{}", id % 7))], duration }
}

async fn clients() -> [Client; 2] {
    let url = format!("http://{}", tokio::task::spawn_blocking(engine).await.unwrap());
    [Compression::None, Compression::Lz4].map(|compression| {
        Client::default().with_url(&url).with_database("default").with_compression(compression)
    })
}

#[tokio::test]
async fn typed_rows_go_in_and_come_out() {
    for client in clients().await {
        let t = table("typed", "id UInt64, name String, tags Map(String, String), duration Nullable(Int32)")
            .await;
        let rows: Vec<Span> = (0..20_000).map(span).collect();
        let mut insert = client.insert::<Span>(&t).await.unwrap();
        for row in &rows {
            insert.write(row).await.unwrap();
        }
        insert.end().await.unwrap();
        let got: Vec<Span> = client
            .query("SELECT ?fields FROM ? ORDER BY id")
            .bind(clickhouse::sql::Identifier(&t))
            .fetch_all()
            .await
            .unwrap();
        assert!(got == rows);
        let mut cursor =
            client.query(&format!("SELECT ?fields FROM {t} WHERE id < ?")).bind(3).fetch::<Span>().unwrap();
        let mut seen = 0;
        while let Some(row) = cursor.next().await.unwrap() {
            assert_eq!(row, span(row.id));
            seen += 1;
        }
        assert_eq!(seen, 3);
        let none: Vec<Span> =
            client.query(&format!("SELECT ?fields FROM {t} WHERE id > 1000000")).fetch_all().await.unwrap();
        assert!(none.is_empty());
    }
}

#[tokio::test]
async fn bound_parameters_go_as_a_form() {
    for client in clients().await {
        let sum: u64 = client
            .query("SELECT sum(number) FROM numbers({n:UInt64}) WHERE number NOT IN {not:Array(UInt64)} AND {s:String} = 'it''s'")
            .param("n", 10_u64)
            .param("not", vec![1_u64, 2])
            .param("s", "it's")
            .fetch_one()
            .await
            .unwrap();
        assert_eq!(sum, 42);
    }
}

#[tokio::test]
async fn native_blocks_made_elsewhere() {
    for client in clients().await {
        let t = table("native", "a UInt64, b String").await;
        let block = b"\x02\x02\x01a\x06UInt64\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01b\x06String\x01x\x02yz";
        let client =
            client.with_setting("insert_deduplication_token", "n-1").with_setting("async_insert", "0");
        for _ in 0..2 {
            let mut insert = client.insert_formatted_with(format!("INSERT INTO {t} (a, b) FORMAT Native"));
            insert.send(block.to_vec().into()).await.unwrap();
            insert.end().await.unwrap();
        }
        let got: Vec<(u64, String)> =
            client.query(&format!("SELECT a, b FROM {t} ORDER BY a")).fetch_all().await.unwrap();
        assert_eq!(got, [(1, "x".to_owned()), (2, "yz".to_owned())]);
    }
}

#[tokio::test]
async fn errors_reach_the_caller() {
    for client in clients().await {
        let early =
            client.query("SELECT * FROM no_such_table").fetch_one::<u8>().await.unwrap_err().to_string();
        assert!(early.contains("Code: 60") || early.contains("UNKNOWN_TABLE"), "{early}");
        let late = client
            .query("SELECT throwIf(number = 3000000) FROM numbers(4000000)")
            .fetch_all::<u8>()
            .await
            .unwrap_err()
            .to_string();
        assert!(late.contains("Code: 395"), "{late}");
    }
}

#[tokio::test]
async fn a_dropped_insert_stores_nothing() {
    for client in clients().await {
        let t =
            table("dropped", "id UInt64, name String, tags Map(String, String), duration Nullable(Int32)")
                .await;
        let mut insert = client.insert::<Span>(&t).await.unwrap();
        for id in 0..50_000 {
            insert.write(&span(id)).await.unwrap();
        }
        drop(insert);
        let running = format!("SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO%{t}%'");
        crate::support::eventually("the insert has ended", || async {
            crate::support::sql(&running).await == "0\n"
        })
        .await;
        let stored: u64 = client.query(&format!("SELECT count() FROM {t}")).fetch_one().await.unwrap();
        assert_eq!(stored, 0);
    }
}
