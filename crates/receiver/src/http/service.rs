//! One request: what it is, its body, its answer.

use std::{convert::Infallible, pin::Pin, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, Response, Version, header};
use http_body::Body;
use http_body_util::Full;
use throughline_otlp::Rejections;

use super::content;
use crate::{
    answer::{self, WireType},
    body::{Gather, in_time, next_chunk},
    export::Exporter,
    failure::Failure,
    intake::Accepted,
    tenant::tenant_of,
};

const TRACES: &str = "/v1/traces";

/// The label of this transport in metrics.
pub(crate) const TRANSPORT: &str = "http";

/// An HTTP/1.1 client reads its answer only once it has sent its body; so much of a refused body is read and thrown away for it.
const DISCARD_BYTES: usize = 256 << 20;

/// And for so long.
const DISCARD_TIME: Duration = Duration::from_secs(5);

/// The service of OTLP/HTTP.
pub(crate) struct Service {
    pub(crate) exporter: Arc<Exporter>,
    pub(crate) max_bytes: usize,
}

impl Service {
    /// Answers one request.
    pub(crate) async fn call<B>(
        self: Arc<Self>,
        request: Request<B>,
    ) -> Result<Response<Full<Bytes>>, Infallible>
    where
        B: Body<Data = Bytes> + Send,
    {
        let wire = answer_type(&request);
        if let Err(failure) = routed(&request) {
            // Agents send metrics and logs here too: neither logged nor counted.
            discard(request).await;
            return Ok(answer::failed(&failure, wire));
        }
        let result = self.export(request).await;
        self.exporter.count(TRANSPORT, &result);
        Ok(match result {
            Ok(accepted) => answer::accepted(&accepted, wire),
            Err(failure) => answer::failed(&failure, wire),
        })
    }

    async fn export<B>(&self, request: Request<B>) -> Result<Accepted, Failure>
    where
        B: Body<Data = Bytes> + Send,
    {
        let headers = request.headers();
        let (wire, encoding, gather) = match self.admit(&request) {
            Ok(admitted) => admitted,
            Err(failure) => {
                discard(request).await;
                return Err(failure);
            }
        };
        let tenant = tenant_of(headers);
        let linger = lingers(&request);
        let mut body = pin!(request.into_body());
        let read_timeout = self.exporter.limits.read_timeout;
        let gathered = in_time(read_timeout, gather_all(body.as_mut(), gather)).await;
        let gather = match gathered {
            Ok(gather) => gather,
            Err(failure) => {
                if linger && !matches!(failure, Failure::Slow(_)) {
                    discard_body(body).await;
                }
                return Err(failure);
            }
        };
        let (mut payload, mut held) = gather.finish();
        if let Some(encoding) = encoding {
            (payload, held) = self.exporter.inflate(encoding, payload, held, self.max_bytes).await?;
        }
        let mut rejected = Rejections::default();
        if wire == WireType::Json {
            (payload, held, rejected) = self.exporter.json_to_protobuf(payload, held).await?;
        }
        let result = self.exporter.submit(tenant, payload).await;
        drop(held);
        result.map(|accepted| Accepted { rejected: rejected.followed_by(&accepted.rejected), ..accepted })
    }

    /// What can be refused by the head alone.
    fn admit<B>(
        &self,
        request: &Request<B>,
    ) -> Result<(WireType, Option<crate::decompress::Encoding>, Gather), Failure> {
        let wire = content::wire_type(request.headers())?;
        let encoding = content::encoding(request.headers())?;
        let mut gather = Gather::new(self.exporter.hold(), self.max_bytes, self.exporter.limits.retry_delay);
        if let Some(len) = content::announced(request.headers()) {
            gather.expect(len)?;
        }
        Ok((wire, encoding, gather))
    }
}

async fn gather_all<B>(mut body: Pin<&mut B>, mut gather: Gather) -> Result<Gather, Failure>
where
    B: Body<Data = Bytes>,
{
    while let Some(chunk) = next_chunk(body.as_mut()).await? {
        gather.push(chunk)?;
    }
    Ok(gather)
}

/// The type of an answer, whatever became of the request: JSON to who sent JSON, else protobuf.
pub(crate) fn answer_type<B>(request: &Request<B>) -> WireType {
    content::wire_type(request.headers()).unwrap_or(WireType::Protobuf)
}

fn routed<B>(request: &Request<B>) -> Result<(), Failure> {
    if request.uri().path() != TRACES {
        return Err(Failure::NotFound(request.uri().path().to_owned()));
    }
    if request.method() != Method::POST {
        return Err(Failure::Method(request.method().to_string()));
    }
    Ok(())
}

/// Whether the client reads no answer before its body is sent. One that asked `Expect: 100-continue` has not begun to send.
fn lingers<B>(request: &Request<B>) -> bool {
    request.version() <= Version::HTTP_11 && !request.headers().contains_key(header::EXPECT)
}

async fn discard<B: Body<Data = Bytes>>(request: Request<B>) {
    if lingers(&request) {
        discard_body(pin!(request.into_body())).await;
    }
}

async fn discard_body<B: Body<Data = Bytes>>(mut body: Pin<&mut B>) {
    let mut left = DISCARD_BYTES;
    let reading = async {
        while let Ok(Some(chunk)) = next_chunk(body.as_mut()).await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                break;
            }
        }
    };
    // Late or not, the answer goes out now.
    let _ = tokio::time::timeout(DISCARD_TIME, reading).await;
}
