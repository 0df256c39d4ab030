//! Seeded traffic of many transactions, for policies that hang on what came before.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::Event},
};
use prost::{Message, bytes::Bytes};

use super::{BASE, World, text};

/// Numbers that look random and are the same each time.
pub struct Seeded(pub u64);

impl Seeded {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// One trace, which is a transaction of its own.
#[derive(Clone, Debug)]
pub struct Traffic {
    pub id: u128,
    pub spans: u64,
    pub service: &'static str,
    pub name: &'static str,
    pub failed: bool,
    pub millis: u64,
    pub trace_state: String,
    pub channel: &'static str,
    pub amount: f64,
    /// Number of its first span: late spans of a trace begin higher.
    pub first: u64,
}

impl Traffic {
    pub fn random(seeded: &mut Seeded) -> Self {
        let service = ["bff", "cards", "loans"][seeded.below(3) as usize];
        Self {
            id: u128::from(seeded.next()) << 64 | u128::from(seeded.next()),
            spans: 1 + seeded.below(6),
            service,
            name: ["GET /accounts", "POST /orders"][seeded.below(2) as usize],
            failed: seeded.below(20) == 0,
            millis: 10 + seeded.below(400),
            trace_state: String::new(),
            channel: ["mobile", "branch"][seeded.below(2) as usize],
            amount: seeded.below(100_000) as f64 / 100.0,
            first: 1,
        }
    }

    pub fn name(&self) -> String {
        format!("{:032x}", self.id)
    }

    fn span(&self, number: u64) -> Span {
        let root = number == 1;
        let value = |value| Some(AnyValue { value: Some(value) });
        let attributes = vec![
            text("bank.channel", self.channel),
            KeyValue {
                key: "payment.amount".into(),
                value: value(Value::DoubleValue(self.amount)),
                ..KeyValue::default()
            },
            KeyValue {
                key: "urgent".into(),
                value: value(Value::BoolValue(self.amount > 500.0)),
                ..KeyValue::default()
            },
        ];
        let event =
            Event { name: "exception".into(), attributes: vec![text("kind", "timeout")], ..Event::default() };
        Span {
            trace_id: self.id.to_be_bytes().to_vec(),
            span_id: number.to_be_bytes().to_vec(),
            parent_span_id: if root { Vec::new() } else { 1u64.to_be_bytes().to_vec() },
            trace_state: self.trace_state.clone(),
            name: if root { self.name.into() } else { "work".into() },
            kind: if root { 2 } else { 1 },
            flags: 1,
            start_time_unix_nano: BASE + number * 1_000_000,
            end_time_unix_nano: BASE + (number + self.millis - number.min(self.millis)) * 1_000_000,
            attributes: if root { attributes } else { Vec::new() },
            events: if self.failed { vec![event] } else { Vec::new() },
            status: Some(Status { code: if self.failed { 2 } else { 0 }, ..Status::default() }),
            ..Span::default()
        }
    }
}

/// Traces as one request.
pub fn request(traffic: &[Traffic]) -> Bytes {
    let resource_spans = traffic.iter().map(|one| ResourceSpans {
        resource: Some(Resource {
            attributes: vec![text("service.name", one.service)],
            ..Resource::default()
        }),
        scope_spans: vec![ScopeSpans {
            spans: (one.first..one.first + one.spans).map(|number| one.span(number)).collect(),
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    });
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }.encode_to_vec().into()
}

/// Sends as many a second for so many seconds, and waits until all is closed. Returns what was sent.
pub fn run(world: &mut World, seed: u64, seconds: u64, a_second: u64) -> Vec<Traffic> {
    let mut seeded = Seeded(seed);
    let mut sent = Vec::new();
    world.tick(2);
    for _ in 0..seconds {
        let traffic: Vec<_> = (0..a_second).map(|_| Traffic::random(&mut seeded)).collect();
        world.append(Some(request(&traffic)));
        world.tick(1);
        sent.extend(traffic);
    }
    world.tick(15);
    sent
}
