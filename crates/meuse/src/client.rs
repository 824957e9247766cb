//! A blocking HTTP client of our own API: finds the server and the key, and turns error bodies into sentences.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use meuse_core::api::{ErrorBody, ErrorDetail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ureq::http::{Method, Request, Response};
use ureq::{Agent, Body, SendBody};

use crate::arguments::Connection;

const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// What `meuse login` remembers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Credentials {
    /// The server's address.
    pub(crate) url: String,
    /// The API key.
    pub(crate) key: String,
}

impl Credentials {
    /// Where they are kept.
    pub(crate) fn path() -> anyhow::Result<PathBuf> {
        let folder = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
        let folder = folder.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")));
        let folder = folder.context("neither XDG_CONFIG_HOME nor HOME is set, so there is no place for credentials")?;
        Ok(folder.join("meuse").join("credentials.toml"))
    }

    fn load() -> anyhow::Result<Option<Self>> {
        let Ok(path) = Self::path() else { return Ok(None) };
        match std::fs::read_to_string(&path) {
            Ok(text) => {
                let parsed = toml::from_str(&text);
                Ok(Some(parsed.with_context(|| format!("{} cannot be read; run `meuse login` again", path.display()))?))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }
}

/// What a server refused, in its own words.
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) ErrorDetail);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Refused {}

/// A client of one server.
pub(crate) struct Client {
    agent: Agent,
    url: String,
    key: String,
    project: Option<String>,
}

impl Client {
    /// The client that flags, environment and credentials file describe.
    pub(crate) fn new(connection: &Connection) -> anyhow::Result<Self> {
        let stored = Credentials::load()?;
        let stored_url = stored.as_ref().map(|credentials| credentials.url.clone());
        let url = connection.url.clone().or(stored_url).unwrap_or_else(|| DEFAULT_URL.to_owned());
        let stored_key = stored.filter(|credentials| credentials.url == url).map(|credentials| credentials.key);
        let Some(key) = connection.key.clone().or(stored_key) else {
            bail!(
                "there is no API key for {url}: set MEUSE_API_KEY, or run `meuse login {url}` and give it the key \
                 (a server's first start writes the admin key to the file that --admin-key-file names)"
            );
        };
        if !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) {
            bail!("`{url}` is not the address of a server: write it as in {DEFAULT_URL}");
        }
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(10)))
            .user_agent(concat!("meuse/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { agent, url, key: key.trim().to_owned(), project: connection.project.clone() })
    }

    /// GET, answered in JSON.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        json(self.send(Method::GET, path, SendBody::none())?)
    }

    /// GET, answered as a stream of bytes.
    pub(crate) fn get_stream(&self, path: &str) -> anyhow::Result<impl Read + use<>> {
        Ok(self.send(Method::GET, path, SendBody::none())?.into_body().into_reader())
    }

    /// GET, answered in lines of JSON.
    pub(crate) fn get_lines(
        &self,
        path: &str,
    ) -> anyhow::Result<impl Iterator<Item = std::io::Result<String>> + use<>> {
        Ok(BufReader::new(self.get_stream(path)?).lines())
    }

    /// POST without a body, answered as a stream of bytes.
    pub(crate) fn post_stream(&self, path: &str) -> anyhow::Result<impl Read + use<>> {
        let request = self.request(Method::POST, path).header("content-length", "0");
        let response = self.agent.run(request.body(SendBody::none())?);
        Ok(self.checked(response)?.into_body().into_reader())
    }

    /// POST with a JSON body, answered as a stream of bytes.
    pub(crate) fn call_stream(&self, path: &str, body: &serde_json::Value) -> anyhow::Result<impl Read + use<>> {
        Ok(self.send_json(Method::POST, path, body)?.into_body().into_reader())
    }

    /// DELETE.
    pub(crate) fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.send(Method::DELETE, path, SendBody::none()).map(|_| ())
    }

    /// Any method with a JSON body, answered in JSON.
    pub(crate) fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        json(self.send_json(method, path, body)?)
    }

    /// POST with a JSON body, answered in text.
    pub(crate) fn post_text(&self, path: &str, body: &impl Serialize) -> anyhow::Result<String> {
        Ok(self.send_json(Method::POST, path, body)?.into_body().read_to_string()?)
    }

    /// POST of `length` bytes, answered in JSON.
    pub(crate) fn upload<T: DeserializeOwned>(
        &self,
        path: &str,
        mut body: impl Read,
        length: u64,
    ) -> anyhow::Result<T> {
        let request = self.request(Method::POST, path).header("content-length", length.to_string());
        let request = request.header("content-type", "application/octet-stream");
        let response = self.agent.run(request.body(SendBody::from_reader(&mut body))?);
        json(self.checked(response)?)
    }

    fn send_json(&self, method: Method, path: &str, body: &impl Serialize) -> anyhow::Result<Response<Body>> {
        let bytes = serde_json::to_vec(body)?;
        let request = self.request(method, path).header("content-type", "application/json");
        let request = request.header("content-length", bytes.len().to_string());
        let response = self.agent.run(request.body(SendBody::from_reader(&mut bytes.as_slice()))?);
        self.checked(response)
    }

    fn send(&self, method: Method, path: &str, body: SendBody<'_>) -> anyhow::Result<Response<Body>> {
        let response = self.agent.run(self.request(method, path).body(body)?);
        self.checked(response)
    }

    fn request(&self, method: Method, path: &str) -> ureq::http::request::Builder {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        let request = request.header("authorization", format!("Bearer {}", self.key));
        match &self.project {
            Some(project) => request.header("meuse-project", project),
            None => request,
        }
    }

    fn checked(&self, response: Result<Response<Body>, ureq::Error>) -> anyhow::Result<Response<Body>> {
        let response = response.with_context(|| {
            format!(
                "no answer from {}: is the server running? Start one with `meuse serve`, or set MEUSE_URL",
                self.url
            )
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let text = response.into_body().read_to_string().unwrap_or_default();
        match serde_json::from_str::<ErrorBody>(&text) {
            Ok(body) => Err(Refused(body.error).into()),
            Err(_) => bail!("{} answered {status}: {}", self.url, text.chars().take(300).collect::<String>()),
        }
    }
}

fn json<T: DeserializeOwned>(response: Response<Body>) -> anyhow::Result<T> {
    let text = response.into_body().into_with_config().limit(256 << 20).read_to_string()?;
    serde_json::from_str(&text).context("the server's answer is not what this version of meuse expects")
}

/// A text as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:@".contains(&byte);
    let encode = |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encode).collect()
}
