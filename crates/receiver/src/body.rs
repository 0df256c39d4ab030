//! A body's chunks into one buffer, once, with the memory taken from the budget first. What comes in one chunk stays where it is.

use std::{pin::Pin, time::Duration};

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt;

use crate::{budget::Held, failure::Failure};

/// What a body of unknown size starts with, bytes.
const FIRST_ROOM: usize = 16 << 10;

/// What is taken for a body on its announced size alone, bytes; the rest as it arrives, so that who only announces does not use up the memory of all.
/// Usual requests are smaller.
const ANNOUNCED_ROOM: usize = 1 << 20;

/// A chunk that is a whole body stays where it is from this size on, bytes: a smaller one is soon copied, and may hold much more memory than its own.
const MIN_WHOLE: usize = 64 << 10;

/// Bytes as they arrive, bounded.
#[derive(Debug)]
pub(crate) struct Gather {
    buffer: BytesMut,
    /// The whole body, as it came.
    whole: Bytes,
    held: Held,
    limit: usize,
    announced: Option<usize>,
    retry_after: Duration,
}

impl Gather {
    pub(crate) fn new(held: Held, limit: usize, retry_after: Duration) -> Self {
        Self { buffer: BytesMut::new(), whole: Bytes::new(), held, limit, announced: None, retry_after }
    }

    /// A body of so many bytes is announced: refused where there is no room for it now.
    pub(crate) fn expect(&mut self, total: usize) -> Result<(), Failure> {
        if total > self.limit {
            return Err(Failure::TooLarge { limit: self.limit });
        }
        self.held.check(total).map_err(|source| Failure::Memory { source, retry_after: self.retry_after })?;
        self.announced = Some(total);
        self.hold(total.min(ANNOUNCED_ROOM))
    }

    /// Takes so many bytes from the budget, all in all.
    fn hold(&mut self, total: usize) -> Result<(), Failure> {
        self.held.grow_to(total).map_err(|source| Failure::Memory { source, retry_after: self.retry_after })
    }

    pub(crate) fn push(&mut self, chunk: Bytes) -> Result<(), Failure> {
        let total = self.len().saturating_add(chunk.len());
        if total > self.limit {
            return Err(Failure::TooLarge { limit: self.limit });
        }
        if total > self.held.bytes() {
            let room = self.held.bytes().saturating_mul(2).max(FIRST_ROOM);
            self.hold(room.min(self.announced.unwrap_or(self.limit)).max(total))?;
        }
        if self.announced == Some(chunk.len()) && chunk.len() >= MIN_WHOLE && self.len() == 0 {
            self.whole = chunk;
            return Ok(());
        }
        if self.buffer.capacity() < total {
            self.buffer.reserve(self.held.bytes() - self.buffer.len());
        }
        self.buffer.extend_from_slice(&std::mem::take(&mut self.whole));
        self.buffer.extend_from_slice(&chunk);
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.buffer.len() + self.whole.len()
    }

    pub(crate) fn finish(self) -> (Bytes, Held) {
        (if self.whole.is_empty() { self.buffer.freeze() } else { self.whole }, self.held)
    }
}

/// The next bytes of a body; trailers are passed over.
pub(crate) async fn next_chunk<B>(mut body: Pin<&mut B>) -> Result<Option<Bytes>, Failure>
where
    B: Body<Data = Bytes>,
{
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|_| Failure::Disconnected)?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// Waits for a body no longer than allowed.
pub(crate) async fn in_time<T>(
    limit: Duration,
    reading: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::time::timeout(limit, reading).await.unwrap_or(Err(Failure::Slow(limit)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Budget;

    const WAIT: Duration = Duration::from_secs(1);

    #[test]
    fn a_body_up_to_the_limit_is_taken_and_one_byte_more_is_not() {
        let budget = Budget::new(1 << 20);
        let mut gather = Gather::new(budget.hold(), 40_000, WAIT);
        for _ in 0..40 {
            gather.push(Bytes::from(vec![7; 1000])).unwrap();
        }
        assert!(matches!(gather.push(Bytes::from_static(&[7])), Err(Failure::TooLarge { limit: 40_000 })));
        let (body, held) = gather.finish();
        assert_eq!(body.len(), 40_000);
        assert!(held.bytes() >= 40_000);
        drop(held);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn an_announcement_alone_takes_little() {
        const ANNOUNCED: usize = 10 << 20;
        let budget = Budget::new(2 * ANNOUNCED);
        let mut gather = Gather::new(budget.hold(), ANNOUNCED, WAIT);
        gather.expect(ANNOUNCED).unwrap();
        assert_eq!(budget.used(), ANNOUNCED_ROOM);
        for _ in 0..10 {
            gather.push(Bytes::from(vec![7; 1 << 20])).unwrap();
            assert!(budget.used() <= (2 * gather.len()).min(ANNOUNCED));
        }
        assert_eq!(gather.finish().0.len(), ANNOUNCED);
    }

    #[test]
    fn what_comes_at_once_stays_where_it_is() {
        let all = Bytes::from(vec![7; MIN_WHOLE]);
        let gathered = |announced: usize, chunks: &[Bytes]| {
            let budget = Budget::new(10 * MIN_WHOLE);
            let mut gather = Gather::new(budget.hold(), 5 * MIN_WHOLE, WAIT);
            gather.expect(announced).unwrap();
            chunks.iter().for_each(|chunk| gather.push(chunk.clone()).unwrap());
            assert!(budget.used() >= gather.len());
            gather.finish().0
        };
        let whole = gathered(all.len(), std::slice::from_ref(&all));
        assert!(whole == all && whole.as_ptr() == all.as_ptr());
        let half = gathered(2 * all.len(), &[all.clone(), all.clone()]);
        assert_eq!(half, [&all[..], &all[..]].concat());
        let more = gathered(all.len(), &[all.clone(), Bytes::from_static(b"more")]);
        assert_eq!(more, [&all[..], b"more"].concat(), "whoever announced too little");
    }

    #[test]
    fn an_announced_size_is_refused_before_memory_is_taken() {
        let budget = Budget::new(1000);
        let mut gather = Gather::new(budget.hold(), 10_000, WAIT);
        assert!(matches!(gather.expect(10_001), Err(Failure::TooLarge { .. })));
        assert!(matches!(gather.expect(1001), Err(Failure::Memory { .. })));
        assert_eq!(gather.buffer.capacity(), 0);
    }
}
