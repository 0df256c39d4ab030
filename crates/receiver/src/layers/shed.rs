//! Answers "come again" where too many requests are in flight, instead of letting them wait.
//!
//! tower's own load shedding answers `RESOURCE_EXHAUSTED` through tonic, which Collectors take for a reason to drop the data.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::{BoxFuture, FutureExt};
use http::Request;
use tokio::sync::Semaphore;
use tower::{Layer, Service};

/// Lets `max` requests through at one time and answers the others by `refuse`.
#[derive(Debug)]
pub(crate) struct ShedLayer<F> {
    requests: Arc<Semaphore>,
    refuse: F,
}

#[derive(Clone, Debug)]
pub(crate) struct Shed<S, F> {
    requests: Arc<Semaphore>,
    refuse: F,
    inner: S,
}

impl<F> ShedLayer<F> {
    /// The semaphore is shared by all transports.
    pub(crate) fn new(requests: Arc<Semaphore>, refuse: F) -> Self {
        Self { requests, refuse }
    }
}

impl<S, F: Clone> Layer<S> for ShedLayer<F> {
    type Service = Shed<S, F>;

    fn layer(&self, inner: S) -> Shed<S, F> {
        Shed { requests: Arc::clone(&self.requests), refuse: self.refuse.clone(), inner }
    }
}

impl<S, F, B> Service<Request<B>> for Shed<S, F>
where
    S: Service<Request<B>>,
    S::Future: Send + 'static,
    S::Response: Send + 'static,
    S::Error: Send + 'static,
    F: Fn(&Request<B>) -> S::Response,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match Arc::clone(&self.requests).try_acquire_owned() {
            Ok(place) => self.inner.call(request).inspect(move |_| drop(place)).boxed(),
            Err(_) => std::future::ready(Ok((self.refuse)(&request))).boxed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tower::{ServiceExt, service_fn};

    use super::*;

    #[tokio::test]
    async fn one_too_many_is_refused_and_a_place_comes_back() {
        let requests = Arc::new(Semaphore::new(1));
        let layer = ShedLayer::new(Arc::clone(&requests), |_: &Request<()>| "refused");
        let service = layer.layer(service_fn(|_: Request<()>| async { Ok::<_, Infallible>("done") }));

        let first = service.clone().oneshot(Request::new(()));
        let held = Arc::clone(&requests).try_acquire_owned().unwrap();
        assert_eq!(first.await, Ok("refused"));
        drop(held);
        assert_eq!(service.clone().oneshot(Request::new(())).await, Ok("done"));
        assert_eq!(requests.available_permits(), 1);
    }
}
