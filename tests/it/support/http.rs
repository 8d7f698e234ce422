//! A client of one connection, by hand: a client from the registry would reconnect and send again behind the test's
//! back, and what a cut connection does is what is tested.

use std::io::{Error, ErrorKind, Result};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

pub(crate) struct Client {
    connection: BufReader<TcpStream>,
    host: String,
}

impl Client {
    pub(crate) async fn connect(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { connection: BufReader::new(stream), host: address.to_owned() })
    }

    /// Posts a document with one variable, `input`, as somebody. An error says nothing about what the server did.
    pub(crate) async fn graphql(&mut self, token: &str, document: &str, input: &Value) -> Result<Value> {
        let body = json!({"query": document, "variables": {"input": input}}).to_string();
        let request = format!(
            "POST /graphql HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.host,
            body.len(),
        );
        self.connection.write_all(request.as_bytes()).await?;
        self.connection.flush().await?;
        self.answer().await
    }

    async fn answer(&mut self) -> Result<Value> {
        let mut length = None;
        let status = self.line().await?;
        loop {
            let line = self.line().await?;
            match line.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().ok();
                }
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length.expect("an answer of the server says its length")];
        self.connection.read_exact(&mut body).await?;
        assert!(status.contains(" 200 "), "{status}: {}", String::from_utf8_lossy(&body));
        Ok(serde_json::from_slice(&body).unwrap())
    }

    async fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.connection.read_line(&mut line).await? == 0 || !line.ends_with('\n') {
            return Err(Error::from(ErrorKind::UnexpectedEof));
        }
        Ok(line.trim_end().to_owned())
    }
}
