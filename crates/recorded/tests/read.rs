//! Every format gives the same requests; what is damaged is named.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]
#![allow(dead_code, reason = "the server of the common part serves the other tests")]

mod common;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use throughline_recorded::{LeftOut, ReadError, Record, Records};

const FORMATS: [&str; 9] = [
    "a.json",
    "a.json.gz",
    "a.json.zst",
    "a.jsonl",
    "a.jsonl.gz",
    "a.jsonl.zst",
    "a.pb",
    "a.pb.gz",
    "a.pb.zst",
];

fn read(path: &Path) -> Result<Vec<Record>, ReadError> {
    Records::open(&[path.to_owned()])?.collect()
}

fn decoded(records: &[Record]) -> Vec<ExportTraceServiceRequest> {
    records.iter().map(|record| ExportTraceServiceRequest::decode(record.request.clone()).unwrap()).collect()
}

#[test]
fn every_format_gives_the_same_requests() {
    let folder = tempfile::tempdir().unwrap();
    let requests = common::requests(1, 8);
    for name in FORMATS {
        let path = common::write(folder.path(), name, &requests);
        let records = read(&path).unwrap();
        assert_eq!(decoded(&records), requests, "{name}");
        let spans: u64 = records.iter().map(|record| record.spans).sum();
        assert_eq!(spans as usize, common::spans(&requests).len());
        let first = common::spans(&requests[..1]).iter().map(|span| span.start_time_unix_nano).min().unwrap();
        assert_eq!((records[0].first_start_unix_nano, records[0].file.as_ref()), (first, path.as_path()));
    }
}

#[test]
fn a_directory_is_read_in_the_order_of_time_and_names_break_ties() {
    let folder = tempfile::tempdir().unwrap();
    let (early, late) = (common::requests(1, 3), common::requests(1, 6).split_off(40));
    common::write(folder.path(), "a.jsonl", &late);
    common::write(folder.path(), "b.pb.gz", &early);
    common::write(folder.path(), "c.json.zst", &early);
    std::fs::write(folder.path().join("readme.txt"), "not recorded").unwrap();
    let beside = [("labels.json", "[{\"at\": 1}]"), ("about.json", "{\"name\": \"x\"}")];
    for (name, text) in beside {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let records = Records::open(&[folder.path().to_owned()]).unwrap();
    assert_eq!(records.skipped(), ["about.json", "labels.json"].map(|name| folder.path().join(name)));
    let mut names: Vec<_> = records.map(|record| record.unwrap().file).collect();
    names.dedup();
    let names: Vec<_> = names.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["b.pb.gz", "c.json.zst", "a.jsonl"]);
}

#[test]
fn files_given_by_name_come_in_the_order_given() {
    let folder = tempfile::tempdir().unwrap();
    let late = common::write(folder.path(), "late.pb", &common::requests(1, 6).split_off(40));
    let early = common::write(folder.path(), "early.pb", &common::requests(1, 3));
    let mut files: Vec<PathBuf> = Records::open(&[late.clone(), early.clone()])
        .unwrap()
        .map(|r| r.unwrap().file.to_path_buf())
        .collect();
    files.dedup();
    assert_eq!(files, [late, early]);
}

#[test]
fn a_bad_line_is_named_and_the_next_one_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = common::write(folder.path(), "a.jsonl", &common::requests(1, 2));
    let mut lines: Vec<String> = std::fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    let good = lines.len();
    lines.insert(2, "{\"resourceSpans\": 7}".to_owned());
    lines.insert(1, String::new());
    // Longer than any request may be.
    lines.push("[".repeat(throughline_recorded::limits::MAX_RECORD + 10));
    lines.push(lines[0].clone());
    std::fs::write(&path, lines.join("\n")).unwrap();
    let mut left_out = LeftOut::default();
    let (mut numbers, mut faults) = (Vec::new(), Vec::new());
    for record in Records::open(std::slice::from_ref(&path)).unwrap() {
        match record {
            Ok(record) => numbers.push(record.number),
            Err(error) => {
                left_out.add(&error);
                faults.push(error);
            }
        }
    }
    assert!(matches!(&faults[0], ReadError::Json { line: 4, .. }) && !faults[0].is_retryable(), "{faults:?}");
    let long = good as u64 + 3;
    assert!(matches!(&faults[1], ReadError::TooLarge { number, .. } if *number == long), "{faults:?}");
    assert_eq!((numbers.len(), faults.len(), left_out.count), (good + 1, 2, 2));
    assert_eq!(numbers.last(), Some(&(long + 1)), "lines are counted over what was left out");
    let told: Vec<String> = left_out.lines().collect();
    assert!(told[0].contains("a.jsonl, line 4"), "{told:?}");
}

#[test]
fn a_file_of_junk_in_a_folder_is_left_out_and_the_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let good = common::requests(1, 2);
    common::write(folder.path(), "a.jsonl", &good);
    common::write(folder.path(), "b.pb", &good);
    std::fs::write(folder.path().join("junk.jsonl"), "not json\n".repeat(9)).unwrap();
    std::fs::write(folder.path().join("junk.pb"), [0xff; 40]).unwrap();
    std::fs::write(folder.path().join("junk.jsonl.zst"), "no zstd").unwrap();
    let (mut taken, mut left_out) = (0, LeftOut::default());
    for record in Records::open(&[folder.path().to_owned()]).unwrap() {
        match record {
            Ok(_) => taken += 1,
            Err(error) => left_out.add(&error),
        }
    }
    assert_eq!((taken, left_out.count), (2 * good.len(), 9 + 1 + 1));
    let told: Vec<String> = left_out.lines().collect();
    assert_eq!(told.len(), 6, "{told:?}");
    assert_eq!(told[5], "left out: 6 more, 11 in all");
}

#[test]
fn damaged_protobuf_and_truncation_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = common::write(folder.path(), "a.pb", &common::requests(1, 2));
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let error = read(&path).unwrap_err();
    assert!(matches!(error, ReadError::Truncated { number, .. } if number > 1), "{error}");
    std::fs::write(&path, [3, 0x0a, 0x05, 0x00]).unwrap();
    assert!(matches!(read(&path).unwrap_err(), ReadError::Protobuf { number: 1, .. }));
    std::fs::write(&path, [0xff, 0xff, 0xff, 0xff, 0x7f]).unwrap();
    assert!(matches!(read(&path).unwrap_err(), ReadError::TooLarge { number: 1, .. }));
    let cut = common::write(folder.path(), "b.jsonl.zst", &common::requests(1, 2));
    let whole = std::fs::read(&cut).unwrap();
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let error = read(&cut).unwrap_err();
    assert!(matches!(error, ReadError::Truncated { .. } | ReadError::Io { .. }), "{error}");
}

#[test]
fn what_is_not_recorded_data_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(read(folder.path()).unwrap_err(), ReadError::Empty { .. }));
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "hello").unwrap();
    assert!(matches!(read(&text).unwrap_err(), ReadError::Format { .. }));
    assert!(matches!(read(&folder.path().join("none.pb")).unwrap_err(), ReadError::Io { .. }));
    let list = folder.path().join("list.json");
    std::fs::write(&list, "\n[]").unwrap();
    assert!(
        matches!(read(&list).unwrap_err(), ReadError::NoObject { line: 2, .. }),
        "named by itself it is an error"
    );
}

/// Public data set with known counts (its folder is named by `THROUGHLINE_SHARED`, or lies beside the repository).
#[test]
fn the_public_data_set_has_the_spans_that_it_is_known_for() {
    let Some(folder) = data_set() else {
        println!("skipped: no data set online-boutique here");
        return;
    };
    let (mut spans, mut distinct, mut traces) = (0, HashSet::new(), HashSet::new());
    for record in Records::open(&[folder]).unwrap() {
        let record = record.unwrap();
        spans += record.spans;
        for span in common::spans(&decoded(&[record])) {
            traces.insert(span.trace_id.clone());
            distinct.insert((span.trace_id, span.span_id, span.kind));
        }
    }
    assert_eq!((spans, distinct.len(), traces.len()), (511_789, 508_439, 11_803));
}

fn data_set() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("THROUGHLINE_SHARED").map_or_else(beside, PathBuf::from);
    let folder = shared.join("datasets/online-boutique");
    folder.is_dir().then_some(folder)
}
