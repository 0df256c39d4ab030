//! Appends numbered records for ever and prints each number once it is durable: what the crash test kills.
//! Arguments: folder, first number.

use std::io::Write;

use throughline_log::{Kind, Log, NewRecord, Settings};

const PARTITIONS: u32 = 3;
/// Small, so that segments change often.
const SEGMENT_BYTES: u64 = 64 << 10;
/// Appends under way at a time.
const DEPTH: usize = 8;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or("a folder")?;
    let mut number: u64 = arguments.next().ok_or("a number")?.parse()?;
    let settings = Settings { segment_bytes: SEGMENT_BYTES, ..Settings::new(dir, "crash", PARTITIONS) };
    let log = Log::open(settings)?;
    let mut out = std::io::stdout();
    let mut pending = std::collections::VecDeque::new();
    loop {
        let mut payload = number.to_le_bytes().to_vec();
        payload.resize(8 + (number as usize * 37) % 6000, number as u8);
        let record = NewRecord {
            kind: Kind::Spans,
            tenant: "".into(),
            cause: None,
            payload: payload.into(),
            cache: None,
        };
        pending.push_back((number, log.enqueue(vec![((number % u64::from(PARTITIONS)) as u32, record)])?));
        number += 1;
        if pending.len() == DEPTH
            && let Some((number, answer)) = pending.pop_front()
        {
            answer.await?;
            writeln!(out, "{number}")?;
            out.flush()?;
        }
    }
}
