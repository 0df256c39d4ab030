//! A panic is logged like everything else, with its place and its stack.

use std::backtrace::Backtrace;

/// Replaces the hook that writes to standard error as it likes.
pub(crate) fn install() {
    std::panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
        tracing::error!(message, place, thread, stack = %Backtrace::force_capture(), "panic: this is a defect of Throughline");
    }));
}
