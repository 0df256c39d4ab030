//! When a piece is due, and which of them go together.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep_until};

use crate::limits::MERGED_REQUEST;
use crate::options::Speed;
use crate::pieces::Piece;

/// Pieces, one request's worth at a time, each when it is due.
pub(crate) struct Paced {
    pieces: Receiver<Piece>,
    speed: Speed,
    /// Read, but not due yet or not of the request that was made last.
    held: Option<Piece>,
    /// When the replay began, and the recorded time that was then.
    began: Option<(Instant, u64)>,
}

impl Paced {
    pub(crate) fn new(pieces: Receiver<Piece>, speed: Speed) -> Self {
        Self { pieces, speed, held: None, began: None }
    }

    /// The next request; `None` after the last one. Nothing is lost where the future is dropped.
    pub(crate) async fn next(&mut self) -> Option<Piece> {
        if self.held.is_none() {
            self.held = self.pieces.recv().await;
        }
        let due = self.held.as_ref().map(|piece| (piece.first_start, piece.last_end));
        let (first_start, last_end) = due?;
        self.began.get_or_insert((Instant::now(), first_start));
        if let Some(due) = self.due(last_end) {
            sleep_until(due).await;
        }
        let first = self.held.take()?;
        Some(self.merge(first))
    }

    fn due(&self, recorded: u64) -> Option<Instant> {
        let (Speed::Times(times), Some((began, first))) = (self.speed, self.began) else { return None };
        let seconds = Duration::from_nanos(recorded.saturating_sub(first)).as_secs_f64() / times;
        began.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
    }

    /// Adds what is due as well. Requests are messages with nothing but repeated fields: one after the other they are one.
    fn merge(&mut self, mut piece: Piece) -> Piece {
        let mut merged = BytesMut::new();
        while let Ok(next) = self.pieces.try_recv() {
            let is_due = self.due(next.last_end).is_none_or(|due| due <= Instant::now());
            let len = merged.len().max(piece.request.len());
            if !is_due || len + next.request.len() > MERGED_REQUEST {
                self.held = Some(next);
                break;
            }
            if merged.is_empty() {
                merged.extend_from_slice(&piece.request);
            }
            merged.extend_from_slice(&next.request);
            piece.spans += next.spans;
            piece.too_old += next.too_old;
            piece.first_start = piece.first_start.min(next.first_start);
            piece.last_end = piece.last_end.max(next.last_end);
            piece.files_left = next.files_left;
        }
        if !merged.is_empty() {
            piece.request = Bytes::from(merged);
        }
        piece
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    fn piece(at_seconds: u64, len: usize) -> Piece {
        let time = 1_000_000_000 * (1_000 + at_seconds);
        let request = Bytes::from(vec![0; len]);
        Piece { request, spans: 1, too_old: 0, first_start: time, last_end: time, files_left: 0 }
    }

    async fn paced(speed: Speed, pieces: Vec<Piece>) -> Vec<(u64, u64, usize)> {
        let (sender, receiver) = mpsc::channel(pieces.len());
        for piece in pieces {
            sender.send(piece).await.unwrap();
        }
        drop(sender);
        let (mut paced, began, mut seen) = (Paced::new(receiver, speed), Instant::now(), Vec::new());
        while let Some(piece) = paced.next().await {
            seen.push((began.elapsed().as_secs(), piece.spans, piece.request.len()));
        }
        seen
    }

    #[tokio::test(start_paused = true)]
    async fn the_recorded_pace_is_kept_divided_by_the_speed() {
        let pieces = || vec![piece(0, 10), piece(0, 10), piece(60, 10), piece(120, 10)];
        assert_eq!(paced(Speed::Times(1.0), pieces()).await, [(0, 2, 20), (60, 1, 10), (120, 1, 10)]);
        assert_eq!(paced(Speed::Times(60.0), pieces()).await, [(0, 2, 20), (1, 1, 10), (2, 1, 10)]);
        assert_eq!(paced(Speed::Max, pieces()).await, [(0, 4, 40)]);
    }

    #[tokio::test(start_paused = true)]
    async fn merging_stops_at_its_limit() {
        let pieces = vec![piece(0, MERGED_REQUEST - 1), piece(0, 1), piece(0, 1)];
        assert_eq!(paced(Speed::Max, pieces).await, [(0, 2, MERGED_REQUEST), (0, 1, 1)]);
    }
}
