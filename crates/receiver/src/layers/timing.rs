//! Measures how long requests take.

use std::{
    task::{Context, Poll},
    time::Instant,
};

use futures_util::future::{FutureExt, Map};
use metrics::histogram;
use tower::{Layer, Service};

use crate::metrics::REQUEST_DURATION;

/// Records [`REQUEST_DURATION`] for one transport.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimingLayer {
    pub(crate) transport: &'static str,
}

#[derive(Clone, Debug)]
pub(crate) struct Timing<S> {
    transport: &'static str,
    inner: S,
}

impl<S> Layer<S> for TimingLayer {
    type Service = Timing<S>;

    fn layer(&self, inner: S) -> Timing<S> {
        Timing { transport: self.transport, inner }
    }
}

impl<S, R> Service<R> for Timing<S>
where
    S: Service<R>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Map<
        S::Future,
        Box<dyn FnOnce(Result<S::Response, S::Error>) -> Result<S::Response, S::Error> + Send>,
    >;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let (transport, start) = (self.transport, Instant::now());
        self.inner.call(request).map(Box::new(move |result| {
            histogram!(REQUEST_DURATION, "transport" => transport).record(start.elapsed().as_secs_f64());
            result
        }))
    }
}
