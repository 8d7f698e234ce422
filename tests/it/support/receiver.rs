//! Somebody who receives messages, and does not always behave: over HTTP, and over SMTP.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What a receiver answers.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Status(u16),
    /// Too many requests, with the seconds to wait.
    RetryAfter(u32),
    Json(Value),
    /// It takes the message and says nothing.
    Never,
}

/// What reached a receiver.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Clone, Default)]
struct Shared {
    got: Arc<Mutex<Vec<Got>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    silences: Arc<Mutex<usize>>,
}

/// A receiver over HTTP. It answers 200 unless told otherwise.
pub(crate) struct Receiver {
    pub(crate) url: String,
    shared: Shared,
    task: tokio::task::JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Shared::default();
        let router = Router::new().fallback(receive).with_state(shared.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, shared, task }
    }

    /// The answers to the next requests.
    pub(crate) fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.shared.answers.lock().unwrap().extend(answers);
    }

    pub(crate) fn forget_answers(&self) {
        self.shared.answers.lock().unwrap().clear();
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.shared.got.lock().unwrap().clone()
    }

    /// What came since it was asked last.
    pub(crate) fn take(&self) -> Vec<Got> {
        std::mem::take(&mut self.shared.got.lock().unwrap())
    }

    /// How many requests were never answered.
    pub(crate) fn silences(&self) -> usize {
        *self.shared.silences.lock().unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn receive(State(shared): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    shared.got.lock().unwrap().push(Got { path: parts.uri.path().to_owned(), headers: parts.headers, body });
    let answer = shared.answers.lock().unwrap().pop_front();
    match answer {
        None => ().into_response(),
        Some(Answer::Status(status)) => axum::http::StatusCode::from_u16(status).unwrap().into_response(),
        Some(Answer::RetryAfter(seconds)) => {
            (axum::http::StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds.to_string())])
                .into_response()
        }
        Some(Answer::Json(value)) => axum::Json(value).into_response(),
        Some(Answer::Never) => {
            *shared.silences.lock().unwrap() += 1;
            std::future::pending().await
        }
    }
}

/// A mail server that takes everything, unless it has replies of its own to what is sent.
pub(crate) struct MailServer {
    pub(crate) port: u16,
    mails: Arc<Mutex<Vec<String>>>,
    replies: Arc<Mutex<VecDeque<&'static str>>>,
    task: tokio::task::JoinHandle<()>,
}

impl MailServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mails, replies) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(VecDeque::new())));
        let (taken, said) = (Arc::clone(&mails), Arc::clone(&replies));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (taken, said) = (Arc::clone(&taken), Arc::clone(&said));
                tokio::spawn(async move {
                    // Whoever hangs up has said all.
                    let _ = converse(stream, &taken, &said).await;
                });
            }
        });
        Self { port, mails, replies, task }
    }

    /// The replies to the next recipients, such as `450 later`.
    pub(crate) fn reply(&self, replies: impl IntoIterator<Item = &'static str>) {
        self.replies.lock().unwrap().extend(replies);
    }

    /// What came since it was asked last, as it was sent.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.mails.lock().unwrap())
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// RFC 5321, as far as it is needed.
async fn converse(
    stream: TcpStream,
    mails: &Mutex<Vec<String>>,
    replies: &Mutex<VecDeque<&'static str>>,
) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 test\r\n").await?;
    while let Some(line) = lines.next_line().await? {
        let verb = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        let reply = match verb.as_str() {
            "RCPT" => replies.lock().unwrap().pop_front().unwrap_or("250 ok").to_owned(),
            "DATA" => {
                write.write_all(b"354 go\r\n").await?;
                let mut mail = String::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                    mail += line.strip_prefix('.').unwrap_or(&line);
                    mail += "\r\n";
                }
                mails.lock().unwrap().push(mail);
                "250 taken".to_owned()
            }
            "QUIT" => {
                write.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "250 ok".to_owned(),
        };
        write.write_all(format!("{reply}\r\n").as_bytes()).await?;
    }
    Ok(())
}
