//! One gRPC message off the wire, as bytes.
//!
//! tonic's own decoder allocates what a frame's header claims, answers an oversized frame with `OUT_OF_RANGE` (which clients retry for ever), and knows
//! no snappy. So the five bytes before a message are read here: its size is admitted before memory is taken.

use std::pin::Pin;

use bytes::Bytes;
use http_body::Body;

use crate::{
    body::{Gather, next_chunk},
    budget::Held,
    failure::Failure,
};

/// Compressed flag and length, before each message.
const HEADER_BYTES: usize = 5;

/// A message and what it holds.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) compressed: bool,
    pub(crate) payload: Bytes,
    pub(crate) held: Held,
}

/// Reads the one message of a unary call, and the end of the call after it.
pub(crate) async fn read<B>(mut body: Pin<&mut B>, mut gather: Gather) -> Result<Message, Failure>
where
    B: Body<Data = Bytes>,
{
    let mut header = [0; HEADER_BYTES];
    let mut header_len = 0;
    let mut total = None;
    while let Some(mut chunk) = next_chunk(body.as_mut()).await? {
        if total.is_none() {
            let part = chunk.split_to(chunk.len().min(HEADER_BYTES - header_len));
            header[header_len..header_len + part.len()].copy_from_slice(&part);
            header_len += part.len();
            if header_len < HEADER_BYTES {
                continue;
            }
            let len = u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize;
            gather.expect(len)?;
            total = Some(len);
        }
        if total.is_some_and(|total| chunk.len() > total - gather.len()) {
            return Err(Failure::Framing("more than one message"));
        }
        gather.push(chunk)?;
    }
    match total {
        None => return Err(Failure::Framing("no message")),
        Some(total) if gather.len() < total => return Err(Failure::Framing("message is cut short")),
        Some(_) => {}
    }
    let compressed = match header[0] {
        0 => false,
        1 => true,
        _ => return Err(Failure::Framing("compressed flag is neither 0 nor 1")),
    };
    let (payload, held) = gather.finish();
    Ok(Message { compressed, payload, held })
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, pin::pin, time::Duration};

    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;
    use crate::Budget;

    async fn read_chunks(chunks: &[&[u8]]) -> Result<Message, Failure> {
        let frames: Vec<_> = chunks
            .iter()
            .map(|chunk| Ok::<_, Infallible>(Frame::data(Bytes::copy_from_slice(chunk))))
            .collect();
        let gather = Gather::new(Budget::new(100).hold(), 50, Duration::from_secs(1));
        read(pin!(StreamBody::new(stream::iter(frames))), gather).await
    }

    #[tokio::test]
    async fn a_message_may_come_in_any_pieces() {
        let wire = b"\x01\0\0\0\x03abc";
        for size in 1..=wire.len() {
            let chunks: Vec<&[u8]> = wire.chunks(size).collect();
            let message = read_chunks(&chunks).await.unwrap();
            assert!(message.compressed);
            assert_eq!(&message.payload[..], b"abc");
        }
    }

    #[tokio::test]
    async fn frames_that_lie_are_refused() {
        let framing: [&[u8]; 6] =
            [b"", b"\0\0\0", b"\0\0\0\0\x02a", b"\0\0\0\0\x01ab", b"\0\0\0\0\0\0\0\0\0\0", b"\x02\0\0\0\0"];
        for wire in framing {
            assert!(matches!(read_chunks(&[wire]).await, Err(Failure::Framing(_))), "{wire:?}");
        }
        assert!(matches!(read_chunks(&[b"\0\xff\xff\xff\xff"]).await, Err(Failure::TooLarge { limit: 50 })));
    }
}
