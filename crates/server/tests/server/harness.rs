//! A server of one's own: a temporary home, port 0, and a client that writes HTTP/1.1 by hand, so that tests can also
//! write what no client would.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use meuse_app::{App, AppConfig};
use meuse_server::{ServeOptions, serve};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes, so that a test that waits in vain fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct TestServer {
    pub(crate) app: Arc<App>,
    pub(crate) key: String,
    address: std::net::SocketAddr,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
    _home: Option<tempfile::TempDir>,
}

/// The real `meuse-job`, which cargo puts two folders above this test binary's.
pub(crate) fn real_child() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its binary");
    let program = test.ancestors().nth(2).expect("it lies in target/debug/deps").join("meuse-job");
    assert!(program.is_file(), "{} is not there: run `cargo build --workspace --bins` first", program.display());
    program
}

/// The folder of native libraries.
pub(crate) fn native() -> PathBuf {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vendor/lib");
    std::env::var_os("MEUSE_NATIVE_DIR").map_or(checkout, PathBuf::from)
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::with(ServeOptions::default()).await
    }

    pub(crate) async fn with(options: ServeOptions) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let server = Self::on(home.path(), options, |config| config.max_upload_bytes = 1000).await;
        Self { _home: Some(home), ..server }
    }

    /// A server on this home; the key is there when this is its first start.
    pub(crate) async fn on(home: &Path, options: ServeOptions, change: impl FnOnce(&mut AppConfig)) -> Self {
        let nowhere = Path::new("/nonexistent");
        let mut config = AppConfig::new(home, nowhere.join("meuse-job"), nowhere);
        change(&mut config);
        let app = App::open(config).await.expect("the home opens");
        let key = app.take_first_key().unwrap_or_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(serve(Arc::clone(&app), listener, options, shutdown.clone()));
        Self { app, key, address, shutdown, serving, _home: None }
    }

    /// A request with the admin's key and, perhaps, a JSON body.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        let key = self.key.clone();
        self.send(method, path, &[("authorization", &format!("Bearer {key}"))], body).await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (headers, length) = (headers.concat(), body.len());
        let head = format!("{method} {path} HTTP/1.1\r\nhost: meuse\r\nconnection: close\r\n{headers}");
        let head = format!("{head}content-length: {length}\r\n\r\n{body}");
        let mut connection = self.connect().await;
        connection.write(&head).await;
        connection.answer().await
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection(TcpStream::connect(self.address).await.expect("the server listens"))
    }

    /// Asks the server to stop, without waiting for it.
    pub(crate) fn stop(&self) {
        self.shutdown.cancel();
    }

    /// Waits until the server has ended in order.
    pub(crate) async fn ended(self) {
        tokio::time::timeout(PATIENCE, self.serving).await.expect("it ends").expect("it does not panic");
    }
}

pub(crate) struct Connection(TcpStream);

impl Connection {
    pub(crate) async fn write(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.expect("the connection is open");
    }

    /// Writes, unless the server has closed the connection.
    pub(crate) async fn try_write(&mut self, text: &str) -> std::io::Result<()> {
        self.0.write_all(text.as_bytes()).await
    }

    /// Everything until the server closes the connection.
    pub(crate) async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await;
        // A connection that is reset after the answer has been read is closed as well.
        let _ = read.expect("the server closes the connection");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        Answer::parse(&self.rest().await)
    }

    /// What has come so far, at least one byte.
    pub(crate) async fn some(&mut self) -> String {
        let mut bytes = vec![0; 16 << 10];
        let read = tokio::time::timeout(PATIENCE, self.0.read(&mut bytes)).await;
        let length = read.expect("something comes").expect("the connection is open");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let header = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_ascii_lowercase(), value.to_owned()))
        };
        let headers = lines.filter_map(header).collect();
        Self { status: status.unwrap_or(0), headers, body: body.to_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The body of an answer that came in chunks.
    pub(crate) fn unchunked(&self) -> String {
        assert_eq!(self.header("transfer-encoding"), Some("chunked"));
        let (mut whole, mut rest) = (String::new(), self.body.as_str());
        loop {
            let (length, after) = rest.split_once("\r\n").expect("a chunk begins with its length");
            let length = usize::from_str_radix(length, 16).expect("a hexadecimal number");
            if length == 0 {
                return whole;
            }
            whole.push_str(&after[..length]);
            rest = &after[length + 2..];
        }
    }

    /// The message of an error in our own shape.
    pub(crate) fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or_else(|| panic!("no message: {}", self.body)).to_owned()
    }

    /// The error without its request id.
    pub(crate) fn error_apart_from_id(&self) -> Value {
        let mut error = self.json()["error"].clone();
        error.as_object_mut().expect("an object").remove("request_id");
        error
    }
}
