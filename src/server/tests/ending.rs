//! How a server ends: nothing accepted is lost, and nobody holds it up.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{io::AsyncWriteExt, net::TcpStream, sync::Semaphore, time::timeout};

use super::{
    super::{Phase, ServerLimits, Shutdown, bind, serve},
    App, GET, GET_GATE, answer, quick, rest, start,
};

#[tokio::test]
async fn a_drain_finishes_what_was_accepted_and_refuses_the_rest() {
    let server = start(ServerLimits { grace: Duration::from_secs(60), ..quick() }, None);
    let mut idle = server.connect().await;
    idle.write_all(GET.as_bytes()).await.unwrap();
    answer(&mut idle, "/x at a").await;
    let mut busy = server.connect().await;
    busy.write_all(GET_GATE.as_bytes()).await.unwrap();
    server.entered.acquire().await.unwrap().forget();
    server.shutdown.drain();
    assert_eq!(rest(&mut idle).await, "");
    server.gate.add_permits(1);
    let got = rest(&mut busy).await;
    assert!(got.ends_with("through"), "{got}");
    timeout(Duration::from_secs(5), server.task).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_request_that_the_kernel_had_accepted_is_answered_in_a_drain() {
    let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
    let mut socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    socket.write_all(GET.as_bytes()).await.unwrap();
    let app = App { gate: Arc::new(Semaphore::new(0)), entered: Arc::new(Semaphore::new(0)) };
    let shutdown = Shutdown::new();
    shutdown.drain();
    let limits = Arc::new(ArcSwap::from_pointee(quick()));
    let served = tokio::spawn(serve(listener, Arc::new(app), limits, None, shutdown));
    let got = rest(&mut socket).await;
    assert!(got.ends_with("/x at a"), "{got}");
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_half_sent_request_holds_a_drain_no_longer_than_the_grace_time() {
    let limits = ServerLimits { header: Duration::from_secs(60), ..quick() };
    let server = start(limits, None);
    let mut half = server.connect().await;
    half.write_all(b"GET / HTTP/1.1\r\nHo").await.unwrap();
    let mut stuck = server.connect().await;
    stuck.write_all(GET_GATE.as_bytes()).await.unwrap();
    server.entered.acquire().await.unwrap().forget();
    server.shutdown.drain();
    timeout(Duration::from_secs(3), server.task).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn an_order_to_stop_does_not_wait() {
    let server = start(ServerLimits { grace: Duration::from_secs(60), ..quick() }, None);
    let mut stuck = server.connect().await;
    stuck.write_all(GET_GATE.as_bytes()).await.unwrap();
    server.entered.acquire().await.unwrap().forget();
    server.shutdown.drain();
    server.shutdown.now();
    server.shutdown.drain();
    assert_eq!(server.shutdown.phase(), Phase::Stopped);
    timeout(Duration::from_secs(3), server.task).await.unwrap().unwrap().unwrap();
}
