//! Owns how a watch is connected: over the operator's client, or, where the configuration is known, by a client of its
//! own whose connection the watch's task drives itself.
//!
//! hyper makes a task of each connection, which hands one chunk at a time to the task that reads. For a watch with much
//! to read these two take turns, and every few turns the runtime wakes another thread for one of them. A reader that
//! drives its connection takes chunk after chunk without anybody's help.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::task::AtomicWaker;
use kube::client::ClientBuilder;
use kube::{Client, Config};

use super::Requests;

/// Makes the connections of watches.
#[derive(Clone)]
pub(crate) struct Connections {
    client: Client,
    own: Option<Arc<(Config, Requests)>>,
}

/// What one watch reads through. Dropping it closes what it opened itself.
pub(crate) struct Connection {
    client: Client,
    driven: Option<Driven>,
}

type Companion = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where hyper leaves the tasks of a client.
#[derive(Clone)]
struct Left(UnboundedSender<Companion>);

/// The tasks of a client, as its user drives them.
struct Driven {
    coming: UnboundedReceiver<Companion>,
    companions: Vec<Companion>,
    turn: Arc<Turn>,
}

/// Who is to be woken, and whether anybody wanted it while its turn lasted: then nobody has to be.
#[derive(Default)]
struct Turn {
    lasts: AtomicBool,
    woken: AtomicBool,
    task: AtomicWaker,
}

impl Connections {
    /// All over this client.
    pub(crate) fn shared(client: Client) -> Self {
        Self { client, own: None }
    }

    /// Each by a client of its own like `client`, which was made of this configuration.
    ///
    /// A configuration that runs a program for its credentials is not multiplied: it would run once for each watch.
    pub(crate) fn own(client: Client, config: Config, requests: Requests) -> Self {
        let multiplied = config.auth_info.exec.is_none() && config.auth_info.auth_provider.is_none();
        Self { client, own: multiplied.then(|| Arc::new((config, requests))) }
    }

    /// Connects nothing yet: the first request does.
    pub(crate) fn open(&self) -> Connection {
        let own = self.own.as_deref().and_then(|(config, requests)| {
            let (left, coming) = unbounded();
            let client = ClientBuilder::try_from((config.clone(), Left(left))).ok()?.build();
            let driven = Driven { coming, companions: Vec::new(), turn: Arc::default() };
            Some(Connection { client: requests.counted(&client), driven: Some(driven) })
        });
        own.unwrap_or_else(|| Connection { client: self.client.clone(), driven: None })
    }
}

impl Connection {
    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Whether the user of this connection drives it: then what has come is at hand at once.
    pub(crate) fn is_driven(&self) -> bool {
        self.driven.is_some()
    }

    /// Waits for what this client is asked, and drives its connection meanwhile.
    pub(crate) async fn drive<F: Future>(&mut self, future: F) -> F::Output {
        let Some(driven) = &mut self.driven else { return future.await };
        let mut future = std::pin::pin!(future);
        let waker = Waker::from(driven.turn.clone());
        poll_fn(|cx| driven.poll(cx, &waker, future.as_mut())).await
    }
}

impl hyper::rt::Executor<Companion> for Left {
    fn execute(&self, companion: Companion) {
        // Who drives them is gone, and with it who could want them.
        let _ = self.0.unbounded_send(companion);
    }
}

impl Driven {
    fn poll<F: Future>(&mut self, cx: &mut Context<'_>, waker: &Waker, mut future: Pin<&mut F>) -> Poll<F::Output> {
        self.turn.task.register(cx.waker());
        self.turn.lasts.store(true, Ordering::SeqCst);
        let mut inner = Context::from_waker(waker);
        let mut polled = Poll::Pending;
        // The connection hands something on to the reader, who makes room for more. Whoever wants a third turn wants
        // the runtime's leave.
        for _ in 0..2 {
            self.turn.woken.store(false, Ordering::SeqCst);
            polled = future.as_mut().poll(&mut inner);
            if polled.is_ready() {
                break;
            }
            self.step(&mut inner);
            if !self.turn.woken.load(Ordering::SeqCst) {
                break;
            }
        }
        self.turn.lasts.store(false, Ordering::SeqCst);
        if polled.is_pending() && self.turn.woken.load(Ordering::SeqCst) {
            cx.waker().wake_by_ref();
        }
        polled
    }

    fn step(&mut self, cx: &mut Context<'_>) {
        loop {
            self.companions.retain_mut(|companion| companion.as_mut().poll(cx).is_pending());
            let before = self.companions.len();
            while let Poll::Ready(Some(companion)) = self.coming.poll_next_unpin(cx) {
                self.companions.push(companion);
            }
            if self.companions.len() == before {
                return;
            }
        }
    }
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        if !self.lasts.load(Ordering::SeqCst) {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use http_body_util::BodyExt as _;
    use kube::client::Body;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A reader and a connection, without a wire between them.
    struct Scene {
        left: Left,
        driven: Driven,
        woken: Arc<Woken>,
    }

    impl Scene {
        fn new() -> Self {
            let (left, coming) = unbounded();
            let driven = Driven { coming, companions: Vec::new(), turn: Arc::default() };
            Self { left: Left(left), driven, woken: Arc::default() }
        }

        fn poll<F: Future>(&mut self, future: Pin<&mut F>) -> Poll<F::Output> {
            let task = Waker::from(self.woken.clone());
            let inner = Waker::from(self.driven.turn.clone());
            self.driven.poll(&mut Context::from_waker(&task), &inner, future)
        }

        fn wakes(&self) -> usize {
            self.woken.0.swap(0, Ordering::SeqCst)
        }
    }

    #[test]
    fn what_a_connection_hands_on_in_its_turn_is_read_in_the_same() {
        let mut scene = Scene::new();
        let (mut hand, mut chunks) = futures::channel::mpsc::channel::<u32>(0);
        hyper::rt::Executor::execute(
            &scene.left,
            Box::pin(async move {
                for chunk in 0..3 {
                    poll_fn(|cx| hand.poll_ready(cx)).await.expect("it is read");
                    hand.start_send(chunk).expect("there is room");
                }
                std::future::pending::<()>().await;
            }),
        );
        for chunk in 0..3 {
            let mut next = std::pin::pin!(chunks.next());
            assert_eq!(scene.poll(next.as_mut()), Poll::Ready(Some(chunk)));
            assert_eq!(scene.wakes(), 0, "nobody has to come back for it");
        }
        let mut next = std::pin::pin!(chunks.next());
        assert_eq!(scene.poll(next.as_mut()), Poll::Pending);
        assert_eq!(scene.wakes(), 0, "there is nothing to come back for");
    }

    #[test]
    fn who_is_woken_between_two_turns_wakes_the_task() {
        let mut scene = Scene::new();
        let (send, mut come) = unbounded::<u32>();
        let mut next = std::pin::pin!(come.next());
        assert_eq!(scene.poll(next.as_mut()), Poll::Pending);
        send.unbounded_send(1).expect("it is read");
        assert_eq!(scene.wakes(), 1);
        assert_eq!(scene.poll(next.as_mut()), Poll::Ready(Some(1)));

        let gate = Arc::new(AtomicWaker::new());
        let at = gate.clone();
        hyper::rt::Executor::execute(
            &scene.left,
            Box::pin(poll_fn(move |cx| {
                at.register(cx.waker());
                Poll::<()>::Pending
            })),
        );
        let mut never = std::pin::pin!(std::future::pending::<()>());
        assert_eq!(scene.poll(never.as_mut()), Poll::Pending);
        scene.wakes();
        gate.wake();
        assert_eq!(scene.wakes(), 1);
    }

    /// tokio lets a task that did much wait for its next turn, by waking it while it runs: it must come back for that.
    #[test]
    fn a_connection_that_wants_turn_after_turn_gives_the_runtime_its_own() {
        let mut scene = Scene::new();
        let polls = Arc::new(AtomicUsize::new(0));
        let polled = polls.clone();
        hyper::rt::Executor::execute(
            &scene.left,
            Box::pin(poll_fn(move |cx| {
                polled.fetch_add(1, Ordering::SeqCst);
                cx.waker().wake_by_ref();
                Poll::<()>::Pending
            })),
        );
        let mut never = std::pin::pin!(std::future::pending::<()>());
        assert_eq!(scene.poll(never.as_mut()), Poll::Pending);
        assert!((1..8).contains(&polls.load(Ordering::SeqCst)));
        assert_eq!(scene.wakes(), 1);
    }

    /// Serves one connection: each request is answered by these chunks, and then by nothing.
    async fn serve(listener: &TcpListener, chunks: &[&str]) -> TcpStream {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut request = [0; 4096];
        assert!(stream.read(&mut request).await.expect("a request") > 0);
        let mut answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
        for chunk in chunks {
            answer += &format!("{:x}\r\n{chunk}\r\n", chunk.len());
        }
        stream.write_all(answer.as_bytes()).await.expect("it is read");
        stream
    }

    async fn bound() -> (TcpListener, Config) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        (listener, Config::new(url.parse().expect("a URL")))
    }

    fn own(config: Config) -> Connections {
        let client = Client::try_from(config.clone()).expect("a client");
        Connections::own(client, config, Requests::default())
    }

    #[tokio::test]
    async fn a_body_is_read_without_anybody_else_and_its_connection_is_closed_with_the_reader() {
        let (listener, config) = bound().await;
        let mut connection = own(config).open();
        assert!(connection.is_driven());
        let request = http::Request::get("/api/v1/pods?watch=true").body(Body::empty()).expect("a request");
        let client = connection.client();
        let (mut stream, answer) =
            tokio::join!(serve(&listener, &["a", "b", "c"]), connection.drive(client.send(request)));
        let mut body = answer.expect("an answer").into_data_stream();
        for expect in ["a", "b", "c"] {
            let chunk = connection.drive(body.next()).await.expect("there is more").expect("it is sound");
            assert_eq!(chunk, expect);
        }
        drop((body, connection, client));
        assert_eq!(stream.read(&mut [0; 16]).await.expect("closed in order"), 0);
    }

    #[tokio::test]
    async fn a_connection_that_breaks_is_told_to_its_reader() {
        let (listener, config) = bound().await;
        let mut connection = own(config).open();
        let request = http::Request::get("/api/v1/pods?watch=true").body(Body::empty()).expect("a request");
        let client = connection.client();
        let (stream, answer) = tokio::join!(serve(&listener, &["a"]), connection.drive(client.send(request)));
        let mut body = answer.expect("an answer").into_data_stream();
        assert!(connection.drive(body.next()).await.is_some_and(|chunk| chunk.is_ok()));
        drop(stream);
        assert!(connection.drive(body.next()).await.is_some_and(|chunk| chunk.is_err()));
    }

    #[tokio::test]
    async fn credentials_that_a_program_gives_are_asked_for_once() {
        let (_listener, mut config) = bound().await;
        let client = Client::try_from(config.clone()).expect("a client");
        let program = serde_json::json!({"apiVersion": "client.authentication.k8s.io/v1", "command": "credentials"});
        config.auth_info.exec = Some(serde_json::from_value(program).expect("an exec plugin"));
        assert!(!Connections::own(client, config, Requests::default()).open().is_driven());
    }
}
