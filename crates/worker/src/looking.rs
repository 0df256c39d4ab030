//! Open traces of the first folds, which only their drivers can show: who asks and who looks. A question costs nothing where there is none.

use std::{collections::HashMap, sync::Arc};

use throughline_assembly::{
    records::TraceSummary,
    traces::{Most, TraceKey, Traces, Wanted},
};
use throughline_log::{Log, Position};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until, timeout_at},
};

use crate::limits::{CATCH_UP_FOR, PLACES_PER_TURN, QUESTIONS};

/// What a driver is asked.
struct Question {
    wanted: Wanted,
    /// So much is enough.
    most: Most,
    answer: oneshot::Sender<Shown>,
}

/// What drivers answer.
#[derive(Default)]
pub(crate) struct Shown {
    pub(crate) summaries: Vec<TraceSummary>,
    /// All of it: what was acknowledged before the question was looked at.
    pub(crate) is_all: bool,
}

/// The way to all drivers of the first fold.
#[derive(Clone)]
pub(crate) struct OpenTraces(Arc<[mpsc::Sender<Question>]>);

impl OpenTraces {
    /// With the drivers' ends, in the order of partitions.
    pub(crate) fn new(span_log: &Log) -> (Self, Vec<Looking>) {
        let (asking, looking): (Vec<_>, Vec<_>) = (0..span_log.partitions())
            .map(|partition| {
                let (asking, questions) = mpsc::channel(QUESTIONS);
                (asking, Looking { partition, span_log: span_log.clone(), questions, at: None })
            })
            .unzip();
        (Self(asking.into()), looking)
    }

    /// What is wanted of what is open or on its way to the summary log, as far as drivers show it until `deadline`, each of them up to `most`.
    pub(crate) async fn ask(&self, wanted: &Wanted, most: Most, deadline: Instant) -> Shown {
        let ask = |driver: &mpsc::Sender<Question>| {
            let (answer, answered) = oneshot::channel();
            driver.try_send(Question { wanted: wanted.clone(), most, answer }).ok().map(|()| answered)
        };
        let answers: Vec<_> = self.0.iter().filter_map(ask).collect();
        let mut all = Shown { summaries: Vec::new(), is_all: answers.len() == self.0.len() };
        for answer in answers {
            match timeout_at(deadline, answer).await {
                Ok(Ok(shown)) => {
                    all.summaries.extend(shown.summaries);
                    all.is_all &= shown.is_all;
                }
                Ok(Err(_)) | Err(_) => all.is_all = false,
            }
        }
        all
    }
}

/// The end of one driver.
pub(crate) struct Looking {
    partition: u32,
    span_log: Log,
    questions: mpsc::Receiver<Question>,
    at: Option<At>,
}

/// How far the answer to a question is.
struct At {
    question: Question,
    /// The fold has to be here before it is looked at, or this late.
    from: (Position, Instant),
    place: usize,
    shown: Shown,
}

impl Looking {
    /// Waits until there is something to look for in a fold that has read up to `read`. Nothing is lost where this is dropped.
    pub(crate) async fn wanted(&mut self, read: Position) {
        if self.at.is_none() {
            let Some(question) = self.questions.recv().await else { return std::future::pending().await };
            let from = (self.span_log.end(self.partition), Instant::now() + CATCH_UP_FOR);
            self.at =
                Some(At { question, from, place: 0, shown: Shown { summaries: Vec::new(), is_all: true } });
        }
        if let Some(At { from: (position, late), .. }) = &self.at
            && read < *position
        {
            sleep_until(*late).await;
        }
    }

    /// Looks at the next few traces of a fold that has read up to `read`, and at last at the closed ones that have no place in the summary log yet.
    pub(crate) fn look(
        &mut self,
        fold: &mut Traces,
        read: Position,
        unplaced: &HashMap<TraceKey, Vec<Arc<TraceSummary>>>,
    ) {
        let Some(mut at) = self.at.take_if(|at| read >= at.from.0 || Instant::now() >= at.from.1) else {
            return;
        };
        // Who asked may wait no more.
        if at.question.answer.is_closed() {
            return;
        }
        at.shown.is_all &= read >= at.from.0;
        let (places, found) = ((at.place, PLACES_PER_TURN), &mut at.shown.summaries);
        if let Some(next) = fold.look(&at.question.wanted, places, at.question.most, found) {
            self.at = Some(At { place: next, ..at });
            return;
        }
        let closed = unplaced.values().flatten().filter(|summary| fold.wants(summary, &at.question.wanted));
        let room = at.question.most.traces.saturating_sub(found.len());
        found.extend(closed.take(room).map(|summary| (**summary).clone()));
        // Nobody listens: nothing is lost.
        drop(at.question.answer.send(at.shown));
    }
}
