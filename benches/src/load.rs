//! Load: as much as is taken, or at a steady rate.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use throughline_harness::Sender;

use crate::template::Template;

/// How long one request is sent again and again.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends requests from `first` on for `seconds`, `in_flight` at once; returns how many were acknowledged and how many times one had to be sent again.
pub(crate) async fn flood(
    port: u16,
    template: &Arc<Template>,
    first: u64,
    seconds: u64,
    in_flight: usize,
) -> (u64, u64) {
    let until = Instant::now() + Duration::from_secs(seconds);
    let next = Arc::new(AtomicU64::new(first));
    let again = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for _ in 0..in_flight {
        let (template, next, again) = (Arc::clone(template), Arc::clone(&next), Arc::clone(&again));
        let sender = Sender::new(port);
        tasks.push(tokio::spawn(async move {
            let mut sent = 0u64;
            while Instant::now() < until {
                let request = template.request(next.fetch_add(1, Ordering::Relaxed), now());
                again.fetch_add(sender.send_until_taken(&request, PATIENCE).await, Ordering::Relaxed);
                sent += 1;
            }
            sent
        }));
    }
    let mut sent = 0;
    for task in tasks {
        sent += task.await.unwrap();
    }
    (sent, again.load(Ordering::Relaxed))
}

/// Sends at a steady rate (requests a second), each on time whether the ones before were answered or not; the times to their answers.
pub(crate) async fn pace(
    port: u16,
    template: &Arc<Template>,
    first: u64,
    rate: f64,
    seconds: u64,
) -> Vec<Duration> {
    let sender = Sender::new(port);
    let mut interval = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let mut tasks = Vec::new();
    for request in 0..(rate * seconds as f64) as u64 {
        interval.tick().await;
        let (template, sender) = (Arc::clone(template), sender.clone());
        tasks.push(tokio::spawn(async move { sender.send(template.request(first + request, now())).await }));
    }
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    times
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}
