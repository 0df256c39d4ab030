//! Bodies in every encoding, both ways.

use std::io::{Read as _, Write as _};

use hyper::Method;

use crate::support::{percent, post, send, sql, table};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut out = lz4_flex::frame::FrameEncoder::new(Vec::new());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// ClickHouse's own block: checksum, 0x82, lengths, LZ4. Written here anew, against the code under test.
fn block(bytes: &[u8]) -> Vec<u8> {
    let packed = lz4_flex::block::compress(bytes);
    let mut rest = vec![0x82];
    rest.extend_from_slice(&u32::try_from(packed.len() + 9).unwrap().to_le_bytes());
    rest.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_le_bytes());
    rest.extend_from_slice(&packed);
    let mut out = cityhash_rs::cityhash_102_128(&rest).rotate_right(64).to_le_bytes().to_vec();
    out.extend_from_slice(&rest);
    out
}

fn unblock(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let length = u32::from_le_bytes(bytes[17..21].try_into().unwrap()) as usize;
        let unpacked = u32::from_le_bytes(bytes[21..25].try_into().unwrap()) as usize;
        let (one, rest) = bytes.split_at(16 + length);
        let sum = cityhash_rs::cityhash_102_128(&one[16..]).rotate_right(64).to_le_bytes();
        assert_eq!((one[..16].to_vec(), one[16]), (sum.to_vec(), 0x82));
        out.extend(lz4_flex::block::decompress(&one[25..], unpacked).unwrap());
        bytes = rest;
    }
    out
}

fn rows() -> Vec<u8> {
    (0..50_000).map(|i| format!("{i},\"value {i}\"\n")).collect::<String>().into_bytes()
}

#[tokio::test]
async fn inserts_in_each_encoding() {
    let rows = rows();
    let bodies: [(&str, Vec<u8>); 5] = [
        ("identity", rows.clone()),
        ("gzip", gzip(&rows)),
        ("deflate", deflate(&rows)),
        ("zstd", zstd::encode_all(&rows[..], 1).unwrap()),
        ("lz4", lz4(&rows)),
    ];
    for (encoding, body) in bodies {
        let t = table("encoded", "a UInt64, b String").await;
        let target = format!("/?query={}", percent(&format!("INSERT INTO {t} FORMAT CSV")));
        let cut = body[..body.len() - 7].to_vec();
        send(Method::POST, &target, &[("content-encoding", encoding)], body).await.ok();
        assert_eq!(
            sql(&format!("SELECT count(), sum(a) FROM {t}")).await,
            "50000\t1249975000\n",
            "{encoding}"
        );
        if encoding != "identity" {
            let refused = send(Method::POST, &target, &[("content-encoding", encoding)], cut).await;
            assert!(refused.code() > 0, "{encoding}: a body cut short was taken");
        }
    }
    assert_eq!(send(Method::POST, "/", &[("content-encoding", "br")], "x").await.code(), 89);
}

#[tokio::test]
async fn statement_and_data_in_one_encoded_body() {
    let t = table("encoded_all", "a UInt64, b String").await;
    let mut text = format!("INSERT INTO {t} FORMAT CSV\n").into_bytes();
    text.extend(rows());
    send(Method::POST, "/", &[("content-encoding", "gzip")], gzip(&text)).await.ok();
    assert_eq!(sql(&format!("SELECT count() FROM {t}")).await, "50000\n");
}

#[tokio::test]
async fn answers_in_each_encoding() {
    let asked = "SELECT number, 'some text' FROM numbers(100000)";
    let plain = post("/", asked).await.ok();
    for encoding in ["gzip", "deflate", "zstd", "lz4"] {
        let answer = send(Method::POST, "/", &[("accept-encoding", encoding)], asked).await;
        assert_eq!(answer.header("content-encoding"), encoding);
        let packed = answer.ok();
        let mut back = Vec::new();
        match encoding {
            "gzip" => flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut back),
            "deflate" => flate2::read::ZlibDecoder::new(&packed[..]).read_to_end(&mut back),
            "zstd" => zstd::stream::copy_decode(&packed[..], &mut back).map(|()| 0),
            _ => lz4_flex::frame::FrameDecoder::new(&packed[..]).read_to_end(&mut back),
        }
        .unwrap();
        assert!(back == plain, "{encoding}");
        assert!(packed.len() < plain.len() / 2, "{encoding}");
    }
    let off = send(Method::POST, "/?enable_http_compression=0", &[("accept-encoding", "gzip")], asked).await;
    assert_eq!(off.header("content-encoding"), "");
    // an exception is plain text, for clients look at it without unpacking
    let failed = send(Method::POST, "/", &[("accept-encoding", "gzip")], "SELEC 1").await;
    assert!(failed.text().starts_with("Code: 62."));
}

#[tokio::test]
async fn clickhouse_blocks_both_ways() {
    let t = table("blocks", "a UInt64, b String").await;
    let rows = rows();
    let body: Vec<u8> = rows.chunks(100_000).flat_map(block).collect();
    let target = format!("/?decompress=1&query={}", percent(&format!("INSERT INTO {t} FORMAT CSV")));
    let mut broken = body.clone();
    broken[40] ^= 1;
    assert_eq!(post(&target, broken).await.code(), 271);
    post(&target, body).await.ok();
    let asked = format!("SELECT * FROM {t} ORDER BY a FORMAT CSV");
    let answer = post("/?compress=1", asked).await.ok();
    assert!(unblock(&answer) == rows);
    let failed = post("/?compress=1", "SELEC 1").await;
    assert_eq!(failed.code(), 62);
    assert!(unblock(&failed.body).starts_with(b"Code: 62."), "clients unpack exceptions too");
}
