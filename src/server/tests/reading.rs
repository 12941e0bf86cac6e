//! Peers that take their answers slowly.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{ServerLimits, quick, start};

/// Reads so much of a large answer each 20 ms; how much came until the end.
async fn read_slowly(limits: ServerLimits, piece: usize) -> usize {
    let server = start(limits, None);
    let mut socket = server.connect().await;
    let ask = b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    socket.write_all(ask).await.unwrap();
    let mut part = vec![0; piece];
    let mut all = 0;
    loop {
        match socket.read(&mut part).await {
            Ok(0) | Err(_) => return all,
            Ok(read) => all += read,
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_peer_that_takes_a_little_now_and_then_is_cut() {
    let begun = Instant::now();
    let got = read_slowly(ServerLimits { rate: 16 << 20, ..quick() }, 64 << 10).await;
    assert!(got < 48 << 20, "{got}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_peer_that_takes_enough_gets_all_of_it_however_long_that_is() {
    let got = read_slowly(ServerLimits { rate: 1 << 20, ..quick() }, 1 << 20).await;
    assert!(got > 64 << 20, "{got}");
}
