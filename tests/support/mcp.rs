//! An MCP client of few words: it sends what a test says, and shows what came back.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command};

use serde_json::{Value, json};

pub const LATEST: &str = "2026-07-28";

/// The `_meta` that every request of 2026-07-28 carries.
pub fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": LATEST,
        "io.modelcontextprotocol/clientInfo": { "name": "spec", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// A request of 2026-07-28, with its `_meta` filled in.
pub fn request(id: u64, method: &str, mut params: Value) -> Value {
    if params.get("_meta").is_none() {
        params["_meta"] = meta();
    } else if let (Value::Object(all), Value::Object(given)) = (meta(), params["_meta"].clone()) {
        params["_meta"] = all.into_iter().chain(given).collect::<serde_json::Map<_, _>>().into();
    }
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// Streamable HTTP, stateless.
pub struct Http {
    url: String,
    agent: ureq::Agent,
}

/// An HTTP answer: its status, and the JSON-RPC messages in it, whether sent as JSON or as a stream of events.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub messages: Vec<Value>,
    pub text: String,
    /// The session that it opened, in the protocol versions that have some.
    pub session: Option<String>,
}

impl Reply {
    /// The message that answers a request: the last one with an id.
    pub fn answer(&self) -> &Value {
        self.messages.iter().rev().find(|message| message.get("id").is_some()).unwrap_or_else(|| panic!("{self:#?}"))
    }
}

impl Http {
    pub fn new(url: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(super::PATIENCE))
            .proxy(None)
            .build();
        Self { url: url.to_owned(), agent: config.into() }
    }

    /// Posts bytes with the headers given, and the usual ones where they are not.
    pub fn post(&self, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.try_post(headers, body).unwrap()
    }

    /// For a server that may go away.
    pub fn try_post(&self, headers: &[(&str, &str)], body: &[u8]) -> Result<Reply, ureq::Error> {
        let mut all = vec![("content-type", "application/json"), ("accept", "application/json, text/event-stream")];
        all.retain(|(name, _)| !headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)));
        all.extend(headers);
        let mut request = self.agent.post(&self.url);
        for (name, value) in all {
            request = request.header(name, value);
        }
        let mut response = request.send(body)?;
        let text = response.body_mut().with_config().limit(1 << 26).read_to_string()?;
        let session = response.headers().get("mcp-session-id").map(|id| id.to_str().unwrap().to_owned());
        let events = text.lines().filter_map(|line| line.strip_prefix("data:").map(str::trim));
        let whole = serde_json::from_str(&text).into_iter();
        let messages = whole.chain(events.filter_map(|event| serde_json::from_str(event).ok())).collect();
        Ok(Reply { status: response.status().as_u16(), messages, text, session })
    }

    /// Sends one request with the headers that its content asks for.
    pub fn send(&self, request: &Value) -> Reply {
        self.try_send(request).unwrap()
    }

    pub fn try_send(&self, request: &Value) -> Result<Reply, ureq::Error> {
        let method = request["method"].as_str().unwrap();
        let mut headers = vec![("mcp-protocol-version", LATEST), ("mcp-method", method)];
        let named = request["params"]["name"].as_str().or_else(|| request["params"]["uri"].as_str());
        if let Some(name) = named {
            headers.push(("mcp-name", name));
        }
        self.try_post(&headers, request.to_string().as_bytes())
    }

    pub fn rpc(&self, method: &str, params: Value) -> Value {
        self.send(&request(1, method, params)).answer().clone()
    }

    /// `tools/call`: the result, which may be an error of the tool's.
    pub fn call(&self, tool: &str, arguments: Value) -> Value {
        let answer = self.rpc("tools/call", json!({ "name": tool, "arguments": arguments }));
        answer.get("result").unwrap_or_else(|| panic!("{answer:#}")).clone()
    }
}

/// One client over standard input and output.
pub struct Stdio {
    child: Child,
    input: Option<ChildStdin>,
    output: Option<BufReader<ChildStdout>>,
}

impl Stdio {
    pub fn start(mut command: Command) -> Self {
        use std::process::Stdio;
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take().map(BufReader::new));
        Self { child, input, output }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn write(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
        input.flush().unwrap();
    }

    /// The next message. Anything else on standard output is a failure.
    pub fn read(&mut self) -> Value {
        let mut line = String::new();
        assert_ne!(self.output.as_mut().unwrap().read_line(&mut line).unwrap(), 0, "standard output ended");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}"))
    }

    /// Sends a request of 2026-07-28 and reads until its answer.
    pub fn rpc(&mut self, id: u64, method: &str, params: Value) -> Value {
        self.write(&request(id, method, params).to_string());
        loop {
            let message = self.read();
            if message["id"] == id {
                return message;
            }
        }
    }

    /// The handshake of protocol versions before 2026-07-28.
    pub fn initialize(&mut self, version: &str) -> Value {
        let params = json!({
            "protocolVersion": version,
            "capabilities": {},
            "clientInfo": { "name": "spec", "version": "1" },
        });
        self.write(&json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params }).to_string());
        let answer = self.read();
        self.write(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string());
        answer
    }

    /// Closes standard input and waits for the end.
    pub fn close(&mut self) -> Option<i32> {
        self.ask_no_more();
        self.wait()
    }

    /// Closes standard input.
    pub fn ask_no_more(&mut self) {
        drop(self.input.take());
    }

    /// Closes both ends, as a client does that is gone.
    pub fn go(&mut self) {
        self.ask_no_more();
        drop(self.output.take());
    }

    pub fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Stdio {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
