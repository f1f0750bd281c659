//! The proxy: what goes wrong is planned by the kind of request and its number.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::bucket::Bucket;
use super::fault::{Fault, Kind};
use super::http::{Answer, Request};

/// Longer than any client waits.
const STALL: Duration = Duration::from_secs(20);

/// Bytes of a body that come before it stops.
const FEW: usize = 7;

/// Which request goes wrong, and how: its kind, its number among those of its kind, from 0, and the fault.
pub(crate) type Planned = (Kind, usize, Fault);

/// Who answers where nothing goes wrong.
#[derive(Clone, Debug)]
pub(crate) enum Upstream {
    Memory(Arc<Mutex<Bucket>>),
    Server(SocketAddr),
}

impl Upstream {
    async fn answer(&self, request: &Request) -> io::Result<Answer> {
        match self {
            Self::Memory(bucket) => Ok(lock(bucket).answer(request)),
            Self::Server(address) => {
                let mut connection = TcpStream::connect(address).await?;
                request.write(&mut connection).await?;
                Answer::read(&mut connection).await
            }
        }
    }
}

#[derive(Debug, Default)]
struct Progress {
    plan: Vec<Planned>,
    seen: BTreeMap<Kind, usize>,
    fired: Vec<Planned>,
}

/// A running proxy; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    progress: Arc<Mutex<Progress>>,
    listening: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    pub(crate) async fn start(upstream: Upstream, plan: &[Planned]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let progress = Arc::new(Mutex::new(Progress { plan: plan.to_vec(), ..Progress::default() }));
        let shared = Arc::clone(&progress);
        let listening = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let (upstream, progress) = (upstream.clone(), Arc::clone(&shared));
                // What comes of it is the client's to say.
                tokio::spawn(async move { serve(connection, &upstream, &progress).await });
            }
        });
        Self { address, progress, listening }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests of each kind there were.
    pub(crate) fn seen(&self) -> BTreeMap<Kind, usize> {
        lock(&self.progress).seen.clone()
    }

    /// What has gone wrong so far.
    pub(crate) fn fired(&self) -> Vec<Planned> {
        lock(&self.progress).fired.clone()
    }
}

async fn serve(mut connection: TcpStream, upstream: &Upstream, progress: &Mutex<Progress>) -> io::Result<()> {
    let request = Request::read(&mut connection).await?;
    let fault = {
        let kind = Kind::of(&request);
        let mut progress = lock(progress);
        let number = *progress.seen.entry(kind).and_modify(|seen| *seen += 1).or_insert(1) - 1;
        let due = progress.plan.iter().find(|due| (due.0, due.1) == (kind, number)).copied();
        progress.fired.extend(due);
        due.map(|(_, _, fault)| fault)
    };
    let answer = match fault {
        Some(fault) if !fault.reaches_the_server() => None,
        _ => Some(upstream.answer(&request).await?),
    };
    match (fault, answer) {
        (None, Some(answer)) => answer.write(&mut connection).await,
        (Some(fault), answer) => spoil(&mut connection, fault, answer).await,
        (None, None) => Ok(()),
    }
}

/// Answers as the fault says; `answer` is the server's, where it was asked.
async fn spoil(connection: &mut TcpStream, fault: Fault, answer: Option<Answer>) -> io::Result<()> {
    let instead = match fault {
        Fault::SlowDown => Answer::error(503, "SlowDown"),
        Fault::SlowDownFor => Answer::error(503, "SlowDown").with("Retry-After", "1"),
        Fault::ErrorBefore | Fault::ErrorAfter => Answer::error(500, "InternalError"),
        Fault::Conflict => Answer::error(409, "ConditionalRequestConflict"),
        Fault::Precondition => Answer::error(412, "PreconditionFailed"),
        Fault::ErrorInBody => Answer::error(200, "InternalError"),
        Fault::Expired => Answer::error(403, "ExpiredToken"),
        Fault::Garbage => return connection.write_all(b"220 smtp.example.org ESMTP\r\n\r\n").await,
        Fault::ResetBefore | Fault::ResetAfter => return connection.set_zero_linger(),
        Fault::CloseAfter => return Ok(()),
        Fault::StallBefore | Fault::StallAfter => return stall(connection).await,
        Fault::OtherEtag => match answer {
            Some(answer) => answer.with("ETag", "\"another\""),
            None => return Ok(()),
        },
        Fault::SlowBody | Fault::ShortBody => {
            let Some(answer) = answer else { return Ok(()) };
            connection.write_all(&answer.head(answer.body.len())).await?;
            let few = FEW.min(answer.body.len().saturating_sub(1));
            connection.write_all(&answer.body[..few]).await?;
            if fault == Fault::SlowBody {
                return stall(connection).await;
            }
            return Ok(());
        }
    };
    instead.write(connection).await
}

/// Says nothing until the client has gone.
async fn stall(connection: &mut TcpStream) -> io::Result<()> {
    let gone = async { while connection.read(&mut [0; 64]).await.is_ok_and(|bytes| bytes > 0) {} };
    let _ = tokio::time::timeout(STALL, gone).await;
    Ok(())
}
