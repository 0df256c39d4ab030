//! `GET /ping`, and whether it is our child that answers.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The header that tells which process answers: another ClickHouse may hold the port.
pub(crate) const PID_HEADER: &str = "x-throughline-engine-pid";

/// The engine answers pings without asking its library, so this is much.
const TIMEOUT: Duration = Duration::from_secs(2);
/// An answer to a ping is shorter.
const MOST_BYTES: u64 = 4096;

/// Whether the process `pid` answers on `address`.
pub(super) async fn answers(address: SocketAddr, pid: u32) -> bool {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"GET /ping HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.take(MOST_BYTES).read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    match tokio::time::timeout(TIMEOUT, exchange).await {
        Ok(Ok(answer)) => is_ours(&answer, pid),
        _ => false,
    }
}

fn is_ours(answer: &str, pid: u32) -> bool {
    answer.starts_with("HTTP/1.1 200 ")
        && answer
            .lines()
            .filter_map(|line| line.split_once(": "))
            .any(|(name, value)| name.eq_ignore_ascii_case(PID_HEADER) && value.trim().parse() == Ok(pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_server_on_the_port_is_not_taken_for_the_child() {
        assert!(is_ours("HTTP/1.1 200 OK\r\nX-Throughline-Engine-Pid: 7\r\n\r\nOk.\n", 7));
        assert!(!is_ours("HTTP/1.1 200 OK\r\nX-Throughline-Engine-Pid: 8\r\n\r\nOk.\n", 7));
        assert!(!is_ours("HTTP/1.1 200 OK\r\n\r\nOk.\n", 7));
        assert!(!is_ours("HTTP/1.1 503 Service Unavailable\r\nX-Throughline-Engine-Pid: 7\r\n\r\n", 7));
    }
}
