//! Making several files durable at once: a disk takes flushes together, so waiting for one after the other would add them up.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
};

use crate::{disk::Disk, segment::Segment};

/// Threads beside the writer: more flushes than this at a time gain nothing on the disks at hand.
const MAX_THREADS: u32 = 7;

type Job = (Arc<Segment>, Sender<io::Result<()>>);

/// Threads that wait for the disk; they sleep while there is nothing to do.
pub(crate) struct Syncers {
    disk: Arc<dyn Disk>,
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Syncers {
    /// One fewer than partitions, for the writer takes part.
    pub(crate) fn start(partitions: u32, disk: &Arc<dyn Disk>) -> io::Result<Self> {
        let (jobs, receiver) = channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        let threads = (0..partitions.saturating_sub(1).min(MAX_THREADS))
            .map(|_| {
                let (receiver, disk) = (Arc::clone(&receiver), Arc::clone(disk));
                std::thread::Builder::new().name("log-sync".into()).spawn(move || run(&receiver, &*disk))
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { disk: Arc::clone(disk), jobs: Some(jobs), threads })
    }

    /// Returns when all are durable, with the first error if there was one.
    pub(crate) fn sync(&self, segments: &[Arc<Segment>]) -> io::Result<()> {
        let Some((own, others)) = segments.split_first() else { return Ok(()) };
        let (answer, answers) = channel();
        let mut asked = 0;
        let mut result = Ok(());
        for segment in others {
            let jobs = self.jobs.as_ref().filter(|_| !self.threads.is_empty());
            let sent = jobs.is_some_and(|jobs| jobs.send((Arc::clone(segment), answer.clone())).is_ok());
            asked += usize::from(sent);
            if !sent {
                result = result.and(self.disk.sync(segment.file()));
            }
        }
        drop(answer);
        result = result.and(self.disk.sync(own.file()));
        // All answers are awaited before any error is told: a file that is still being flushed must not be given up.
        for answer in answers {
            result = result.and(answer);
            asked -= 1;
        }
        if asked > 0 {
            return result.and(Err(io::Error::other("a thread that waits for the disk ended")));
        }
        result
    }
}

fn run(receiver: &Mutex<Receiver<Job>>, disk: &dyn Disk) {
    loop {
        let job = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((segment, answer)) = job else { return };
        let result = disk.sync(segment.file());
        // The segment is let go first: once all have answered, nobody holds it on account of this flush.
        drop(segment);
        let _ = answer.send(result);
    }
}

impl Drop for Syncers {
    fn drop(&mut self) {
        self.jobs = None;
        self.threads.drain(..).for_each(|thread| {
            let _ = thread.join();
        });
    }
}
