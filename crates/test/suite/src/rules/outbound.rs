//! The rules of requests to addresses that users name, against a receiver on this machine.

use std::sync::{Arc, Mutex};

use stubmart_ports::outbound::{BODY_READ, Outbound, Post, PostError};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// A receiver: answers every request with the same bytes, and keeps what it got.
struct Receiver {
    address: String,
    got: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    async fn answering(answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let got: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&got);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone(), Arc::clone(&kept)));
            }
        });
        Self { address, got }
    }

    fn post(&self) -> Post {
        Post {
            url: format!("http://{}/hook?a=b", self.address),
            headers: vec![("content-type", "application/json".to_owned())],
            body: b"{\"a\":1}".to_vec(),
        }
    }

    fn got(&self) -> Vec<String> {
        self.got.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, answer: Vec<u8>, got: Arc<Mutex<Vec<String>>>) {
    let (mut request, mut bytes) = (Vec::new(), [0; 4096]);
    while !request.ends_with(b"}") {
        match stream.read(&mut bytes).await {
            Ok(read @ 1..) => request.extend_from_slice(bytes.get(..read).unwrap()),
            Ok(_) | Err(_) => break,
        }
    }
    got.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
    // The client may have had enough of it.
    drop(stream.write_all(&answer).await);
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}").into_bytes()
}

/// A request comes as it was given, and the answer is the receiver's, whatever its status.
pub async fn an_answer_is_the_receivers(any: Arc<dyn Outbound>, _: Arc<dyn Outbound>) {
    for (status, line) in [(200, "200 OK"), (404, "404 Not Found"), (503, "503 Busy")] {
        let receiver = Receiver::answering(answer(line, "", "thanks")).await;
        let answered = any.post(receiver.post()).await.unwrap();
        assert_eq!((answered.status, answered.body.as_str()), (status, "thanks"));
        let got = receiver.got().concat();
        assert_eq!(got.matches("POST ").count(), 1, "{got}");
        assert!(got.starts_with("POST /hook?a=b HTTP/1.1\r\n"), "{got}");
        assert!(got.contains("content-type: application/json"), "{got}");
        assert!(got.ends_with("{\"a\":1}"), "{got}");
    }
}

/// A redirect is an answer: nobody is led on to an address that was not looked at.
pub async fn a_redirect_is_not_followed(any: Arc<dyn Outbound>, _: Arc<dyn Outbound>) {
    let other = Receiver::answering(answer("200 OK", "", "secret")).await;
    let location = format!("location: http://{}/\r\n", other.address);
    for line in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        let receiver = Receiver::answering(answer(line, &location, "")).await;
        let answered = any.post(receiver.post()).await.unwrap();
        assert_eq!(answered.status.to_string(), line.split(' ').next().unwrap());
    }
    assert_eq!(other.got(), Vec::<String>::new());
}

/// Of a body only the beginning is read, however much comes.
pub async fn only_the_beginning_of_an_answer_is_read(any: Arc<dyn Outbound>, _: Arc<dyn Outbound>) {
    let receiver = Receiver::answering(answer("200 OK", "", &"a".repeat(10 << 20))).await;
    let answered = any.post(receiver.post()).await.unwrap();
    assert_eq!(answered.body, "a".repeat(BODY_READ));
}

/// A receiver that is not there, or talks no HTTP, is a failure.
pub async fn no_answer_is_a_failure(any: Arc<dyn Outbound>, _: Arc<dyn Outbound>) {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let post = Post { url: format!("http://{gone}/"), headers: vec![], body: vec![] };
    assert!(matches!(any.post(post).await, Err(PostError::Failed(_))));
    let receiver = Receiver::answering(b"hello\r\n\r\n".to_vec()).await;
    assert!(matches!(any.post(receiver.post()).await, Err(PostError::Failed(_))));
}

/// Nobody reaches this machine or its network, by a number or by a name, in any spelling.
pub async fn only_public_addresses_are_talked_to(_: Arc<dyn Outbound>, public: Arc<dyn Outbound>) {
    let receiver = Receiver::answering(answer("200 OK", "", "secret")).await;
    let port = receiver.address.rsplit_once(':').unwrap().1;
    for host in
        ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254"]
    {
        let url = format!("https://{host}:{port}/");
        let post = Post { url, headers: vec![], body: b"{}".to_vec() };
        let answered = public.post(post).await;
        assert!(matches!(answered, Err(PostError::NotPublic)), "{host}: {answered:?}");
    }
    assert_eq!(receiver.got(), Vec::<String>::new());
}

/// Makes a test of each rule of the [`Outbound`] port. `$factory` is an
/// `fn() -> impl Future<Output = Subject<dyn Outbound>>`; its first handle takes any address and plain HTTP, its
/// second one public addresses alone.
#[macro_export]
macro_rules! outbound_suite {
    ($factory:expr) => {
        $crate::rule_tests!(
            outbound,
            $factory,
            [
                an_answer_is_the_receivers,
                a_redirect_is_not_followed,
                only_the_beginning_of_an_answer_is_read,
                no_answer_is_a_failure,
                only_public_addresses_are_talked_to,
            ]
        );
    };
}
