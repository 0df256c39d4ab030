//! A request of ClickHouse's HTTP interface, read from its URL and headers.

use base64::Engine as _;
use http::request::Parts;
use http::{HeaderMap, Method, header};

use crate::codec::Encoding;
use crate::exception::{Exception, code};

/// Everything about a request but its body.
#[derive(Debug)]
pub(crate) struct QueryRequest {
    /// The client's id, or one made up; comes back in a header.
    pub(crate) query_id: String,
    /// The `query` parameter: comes before the body.
    pub(crate) query: String,
    pub(crate) database: Option<String>,
    pub(crate) default_format: Option<String>,
    pub(crate) roles: Vec<String>,
    /// In the order given; the last of a name holds.
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) parameters: Vec<(String, String)>,
    /// The protocol revision that the client reads Native in until the server has told its own; 0 where it does not say.
    pub(crate) client_protocol_version: u64,
    /// GET and HEAD may change nothing.
    pub(crate) read_only: bool,
    /// The answer waits for the end of the statement, so that its status is the last word.
    pub(crate) wait_end_of_query: bool,
    /// The body's `Content-Encoding`.
    pub(crate) body_encoding: Option<Encoding>,
    /// The body comes in ClickHouse's blocks.
    pub(crate) decompress: bool,
    /// The answer goes in ClickHouse's blocks.
    pub(crate) compress: bool,
    /// The answer's `Content-Encoding`.
    pub(crate) answer_encoding: Option<Encoding>,
    /// The boundary of a `multipart/form-data` body.
    pub(crate) boundary: Option<String>,
    /// The client goes on with a session only if there is one.
    session_check: bool,
}

/// The only user of the engine, without a password: it listens on the loopback device.
const USER: &str = "default";

impl QueryRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// Wrong users, and encodings that are not spoken here.
    pub(crate) fn read(parts: &Parts) -> Result<Self, Exception> {
        let mut request = Self {
            query_id: text(&parts.headers, "x-clickhouse-query-id").unwrap_or_default(),
            query: String::new(),
            database: text(&parts.headers, "x-clickhouse-database"),
            default_format: text(&parts.headers, "x-clickhouse-format"),
            roles: Vec::new(),
            settings: Vec::new(),
            parameters: Vec::new(),
            client_protocol_version: 0,
            read_only: matches!(parts.method, Method::GET | Method::HEAD),
            wait_end_of_query: false,
            body_encoding: body_encoding(&parts.headers)?,
            decompress: false,
            compress: false,
            answer_encoding: None,
            boundary: boundary(&parts.headers),
            session_check: false,
        };
        let mut credentials = Credentials::of(&parts.headers);
        for (name, value) in form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            request.take(&name, value.into_owned(), &mut credentials);
        }
        credentials.check()?;
        if request.session_check {
            let message = "Session not found: the embedded engine keeps none from one request to the next";
            return Err(Exception::new(code::SESSION_NOT_FOUND, "SESSION_NOT_FOUND", message));
        }
        if request.query_id.is_empty() {
            request.query_id = uuid::Uuid::new_v4().to_string();
        }
        request.answer_encoding = text(&parts.headers, "accept-encoding")
            .filter(|_| request.compressible())
            .and_then(|v| Encoding::accepted(&v));
        Ok(request)
    }

    /// Takes one parameter, of the URL or of a form.
    pub(crate) fn take_field(&mut self, name: &str, value: String) {
        self.take(name, value, &mut Credentials::default());
    }

    fn take(&mut self, name: &str, value: String, credentials: &mut Credentials) {
        let on = matches!(value.as_str(), "1" | "true");
        match name {
            "query" => self.query.push_str(&value),
            "query_id" => self.query_id = value,
            "database" => self.database = Some(value).filter(|v| !v.is_empty()),
            "default_format" => self.default_format = Some(value),
            "user" => credentials.user = Some(value),
            "password" => credentials.password = Some(value),
            "role" => self.roles.push(value),
            "compress" => self.compress = on,
            "decompress" => self.decompress = on,
            "client_protocol_version" => self.client_protocol_version = value.parse().unwrap_or(0),
            "wait_end_of_query" => self.wait_end_of_query = on,
            "session_check" => self.session_check = on,
            // there are no sessions between requests and no quotas: clickhouse-connect names a session in each request and needs nothing of it
            "session_id"
            | "session_timeout"
            | "close_session"
            | "quota_key"
            | "stacktrace"
            | "buffer_size"
            | "http_method"
            | "enable_http_compression_level" => {}
            _ => match name.strip_prefix("param_") {
                Some(parameter) => self.parameters.push((parameter.to_owned(), value)),
                None => self.settings.push((name.to_owned(), value)),
            },
        }
    }

    /// The last value given for a setting.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// On by default since ClickHouse 25.
    fn compressible(&self) -> bool {
        !matches!(self.setting("enable_http_compression"), Some("0" | "false"))
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned).filter(|v| !v.is_empty())
}

fn body_encoding(headers: &HeaderMap) -> Result<Option<Encoding>, Exception> {
    let value = text(headers, "content-encoding").unwrap_or_default();
    Encoding::of_body(&value).map_err(|()| {
        let message = format!("Content-Encoding {value} is not supported: use gzip, deflate, zstd or lz4");
        Exception::new(code::UNKNOWN_COMPRESSION_METHOD, "UNKNOWN_COMPRESSION_METHOD", message)
    })
}

fn boundary(headers: &HeaderMap) -> Option<String> {
    let value = text(headers, "content-type")?;
    let (kind, rest) = value.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = rest.split(';').find_map(|p| p.trim().strip_prefix("boundary="))?;
    Some(boundary.trim_matches('"').to_owned())
}

#[derive(Default)]
struct Credentials {
    user: Option<String>,
    password: Option<String>,
}

impl Credentials {
    fn of(headers: &HeaderMap) -> Self {
        let basic = text(headers, header::AUTHORIZATION.as_str())
            .and_then(|v| v.strip_prefix("Basic ").map(str::to_owned))
            .and_then(|v| base64::engine::general_purpose::STANDARD.decode(v.trim()).ok())
            .and_then(|v| String::from_utf8(v).ok());
        match basic.as_deref().and_then(|pair| pair.split_once(':')) {
            Some((user, password)) => {
                Self { user: Some(user.to_owned()), password: Some(password.to_owned()) }
            }
            None => {
                Self { user: text(headers, "x-clickhouse-user"), password: text(headers, "x-clickhouse-key") }
            }
        }
    }

    fn check(&self) -> Result<(), Exception> {
        let user = self.user.as_deref().filter(|u| !u.is_empty()).unwrap_or(USER);
        if user == USER && self.password.as_deref().unwrap_or_default().is_empty() {
            return Ok(());
        }
        let message = format!(
            "{user}: Authentication failed: the embedded engine knows only the user {USER}, without a password"
        );
        Err(Exception::new(code::AUTHENTICATION_FAILED, "AUTHENTICATION_FAILED", message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(uri: &str, headers: &[(&str, &str)]) -> Result<QueryRequest, Exception> {
        let mut builder = http::Request::post(uri);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        QueryRequest::read(&builder.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn parameters_settings_and_reserved_names_are_told_apart() {
        let uri = "/?query=SELECT+1&param_x=a%20b&max_threads=2&session_id=7&client_protocol_version=54460&database=d&max_threads=3";
        let r = read(uri, &[("Accept-Encoding", "gzip")]).unwrap();
        assert_eq!((r.query.as_str(), r.database.as_deref()), ("SELECT 1", Some("d")));
        assert_eq!(r.parameters, [("x".to_owned(), "a b".to_owned())]);
        assert_eq!(
            r.settings.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(),
            ["max_threads", "max_threads"]
        );
        assert_eq!(r.setting("max_threads"), Some("3"));
        assert_eq!(r.answer_encoding, Some(Encoding::Gzip));
        assert_eq!(r.query_id.len(), 36);
        assert_eq!(
            read("/?enable_http_compression=0", &[("Accept-Encoding", "gzip")]).unwrap().answer_encoding,
            None
        );
    }

    #[test]
    fn only_the_default_user_without_a_password_passes() {
        let basic = |pair: &str| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair));
        assert!(read("/", &[("Authorization", &basic("default:"))]).is_ok());
        assert!(read("/", &[("X-ClickHouse-User", "default")]).is_ok());
        assert!(read("/?user=default&password=", &[]).is_ok());
        for denied in [
            read("/", &[("Authorization", &basic("default:secret"))]),
            read("/", &[("X-ClickHouse-User", "admin")]),
            read("/?user=admin", &[]),
        ] {
            assert_eq!(denied.unwrap_err().code, 516);
        }
    }

    #[test]
    fn a_session_that_has_to_be_there_is_not() {
        assert!(read("/?session_id=7&session_check=0", &[]).is_ok());
        assert_eq!(read("/?session_id=7&session_check=1", &[]).unwrap_err().code, 372);
    }

    #[test]
    fn the_boundary_of_a_form_is_found() {
        let r = read("/", &[("Content-Type", "multipart/form-data; boundary=\"x y\"")]).unwrap();
        assert_eq!(r.boundary.as_deref(), Some("x y"));
        assert_eq!(read("/", &[("Content-Type", "text/plain; boundary=x")]).unwrap().boundary, None);
        assert_eq!(read("/", &[("Content-Encoding", "br")]).unwrap_err().code, 89);
    }
}
