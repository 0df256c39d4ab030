//! Output formats: streamed in pieces or made whole, they read as from a server.

use crate::support::{post, sql};

/// Rows in several blocks, so that a stream has several chunks.
const MANY: &str = "SELECT number AS n, toString(number) AS s FROM numbers(200000) WHERE n % 1000 = 0";

async fn get(format: &str, statement: &str) -> Vec<u8> {
    post(&format!("/?default_format={format}"), statement.to_owned()).await.ok()
}

#[tokio::test]
async fn headers_come_once_however_many_chunks_there_are() {
    for (format, header_lines) in [
        ("TabSeparatedWithNamesAndTypes", 2),
        ("CSVWithNames", 1),
        ("JSONCompactEachRowWithNames", 1),
        ("TSV", 0),
    ] {
        let text = String::from_utf8(get(format, MANY).await).unwrap();
        assert_eq!(text.lines().count(), 200 + header_lines, "{format}");
        assert_eq!(
            text.lines().filter(|l| l.contains('s')).count(),
            usize::from(header_lines > 0),
            "{format}"
        );
    }
    let binary = get("RowBinaryWithNamesAndTypes", MANY).await;
    let names = b"\x02\x01n\x01s\x06UInt64\x06String";
    assert!(binary.starts_with(names));
    assert_eq!(binary[names.len()..], get("RowBinary", MANY).await);
}

#[tokio::test]
async fn documents_are_made_whole() {
    let json: serde_json::Value = serde_json::from_slice(&get("JSON", MANY).await).unwrap();
    assert_eq!((json["rows"].as_u64(), json["data"].as_array().map(Vec::len)), (Some(200), Some(200)));
    assert_eq!(get("JSONCompactColumns", "SELECT 1").await, b"[\n\t[1]\n]\n");
    let array: serde_json::Value = serde_json::from_slice(
        &post("/?default_format=JSONEachRow&output_format_json_array_of_rows=1", MANY).await.ok(),
    )
    .unwrap();
    assert_eq!(array.as_array().map(Vec::len), Some(200));
    assert!(get("Parquet", MANY).await.ends_with(b"PAR1"));
    assert_eq!(get("Null", MANY).await, b"");
}

#[tokio::test]
async fn an_empty_native_result_names_its_columns() {
    let header = b"\x02\x00\x01a\x05UInt8\x01b\x06String";
    let empty = "SELECT toUInt8(number) AS a, 'x' AS b FROM numbers(10) WHERE number > 10";
    assert_eq!(get("Native", empty).await, header);
    assert_eq!(post("/", format!("{empty} FORMAT Native;")).await.ok(), header);
    assert_eq!(post("/", format!("{empty} FORMAT Native SETTINGS max_threads = 1")).await.ok(), header);
    assert_eq!(
        post("/?param_x=10&default_format=Native", empty.replace("> 10", "> {x:UInt8}")).await.ok(),
        header
    );
    assert_eq!(get("Native", "SHOW TABLES LIKE 'none like this'").await, b"\x01\x00\x04name\x06String");
    assert_eq!(get("Native", "CREATE TABLE IF NOT EXISTS native_ddl (a Int8) ENGINE = Memory").await, b"");
    assert_eq!(get("Native", "WITH 1 AS x SELECT x LIMIT 0").await, b"\x01\x00\x01x\x05UInt8");
}

#[tokio::test]
async fn the_hello_of_clickhouse_go_names_revision_0() {
    let hello =
        post("/?default_format=JSONEachRow", "SELECT displayName(), version(), revision(), timezone()")
            .await
            .ok();
    let row: serde_json::Value = serde_json::from_slice(&hello).unwrap();
    assert_eq!(row["revision()"], 0);
    assert_eq!(row.as_object().unwrap().len(), 4);
    // read in the client's revision: block info first, and a byte of serialization after each type
    let native = post(
        "/?default_format=Native&client_protocol_version=54460",
        "SELECT displayName(), version(), revision(), timezone()",
    );
    assert!(
        native
            .await
            .ok()
            .starts_with(b"\x01\x00\x02\xff\xff\xff\xff\x00\x04\x01\x0ddisplayName()\x06String\x00")
    );
    assert_eq!(post("/", "SELECT 1 FORMAT TSVWithNames").await.ok(), b"1\n1\n");
}

#[tokio::test]
async fn statements_that_cannot_be_streamed() {
    sql("CREATE TABLE IF NOT EXISTS described (a Int8, b String) ENGINE = Memory").await;
    assert!(sql("DESCRIBE TABLE described").await.starts_with("a\tInt8\t"));
    assert!(sql("DESC described FORMAT TSV").await.starts_with("a\tInt8\t"));
    assert!(sql("SHOW CREATE TABLE described").await.contains("Memory"));
    assert!(sql("EXPLAIN SYNTAX SELECT 1+1").await.starts_with("SELECT plus(1, 1)"));
    assert_eq!(sql("WITH 7 AS x INSERT INTO described SELECT x, 'y'").await, "");
    assert_eq!(sql("SELECT * FROM described").await, "7\ty\n");
    assert_eq!(sql("(SELECT 1) UNION ALL (SELECT 1)").await, "1\n1\n");
}

#[tokio::test]
async fn a_large_result_streams_whole() {
    let text = post("/", "SELECT number FROM numbers(1000000)").await.ok();
    assert_eq!(text.len(), (0..1_000_000_u64).map(|n| n.to_string().len() + 1).sum::<usize>());
}
