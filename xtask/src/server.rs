//! A plain static file server: what any host of the site does, with no special headers. Tests mount
//! several folders, read the log of requests, and may put a script in front of one file.

use anyhow::{Context, Result, anyhow};
use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tiny_http::{Header, Method, Request, Response};

/// A folder served below a path.
#[derive(Debug, Clone)]
pub struct Mount {
    /// URL path with a slash at both ends; the longest one that fits wins.
    pub path: String,
    /// The folder.
    pub folder: PathBuf,
}

/// A request that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// Path and query.
    pub url: String,
    /// HTTP status.
    pub status: u16,
    /// Bytes of the body.
    pub bytes: u64,
}

/// Text put before a file's own: `(end of the path, text)`. The benchmark counts GPU calls this way.
pub type Preamble = (String, String);

/// A running server; it stops when dropped.
pub struct Server {
    http: Arc<tiny_http::Server>,
    address: SocketAddr,
    log: Arc<Mutex<Vec<Served>>>,
    threads: Vec<JoinHandle<()>>,
    stopped: Arc<AtomicBool>,
}

/// How often [`keep_moving`] knocks.
const KNOCK: Duration = Duration::from_millis(250);

/// Knocks on the server's door until it is stopped.
///
/// tiny_http reads each connection in a thread of a pool, for as long as the browser keeps it open. Two connections
/// that arrive while one idle thread wakes up both count on it: the second is queued behind threads that never end,
/// and nobody reads its request. The next connection finds no idle thread, gets a new one, and that one takes the
/// queue along. So there is always a next connection.
fn keep_moving(address: SocketAddr, stopped: &AtomicBool) {
    while !stopped.load(Ordering::Relaxed) {
        drop(TcpStream::connect(address));
        std::thread::sleep(KNOCK);
    }
}

impl Server {
    /// Serves `mounts` on `port` of this machine only; port 0 takes any free one.
    ///
    /// # Errors
    /// Where the port is taken.
    pub fn start(mounts: Vec<Mount>, port: u16, preamble: Option<Preamble>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .with_context(|| format!("port {port} cannot be opened"))?;
        let address = listener.local_addr()?;
        let http = tiny_http::Server::from_listener(listener, None)
            .map_err(|error| anyhow!("the server did not start: {error}"))?;
        let http = Arc::new(http);
        let log = Arc::new(Mutex::new(Vec::new()));
        let site = Arc::new((mounts, preamble));
        // Several threads: the page fetches two engines and a row of shards at once.
        let threads = (0..4)
            .map(|_| {
                let (http, log, site) = (http.clone(), log.clone(), site.clone());
                std::thread::spawn(move || {
                    while let Ok(request) = http.recv() {
                        answer(request, &site.0, site.1.as_ref(), &log);
                    }
                })
            })
            .collect();
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = stopped.clone();
        std::thread::spawn(move || keep_moving(address, &stop));
        Ok(Self {
            http,
            address,
            log,
            threads,
            stopped,
        })
    }

    /// Serves a folder at the root, on this port or, where it is taken, on a free one.
    pub fn site(folder: &Path, port: u16) -> Result<Self> {
        let mounts = vec![Mount {
            path: "/".into(),
            folder: folder.to_owned(),
        }];
        Self::start(mounts.clone(), port, None).or_else(|error| {
            println!("{error:#}; taking a free one");
            Self::start(mounts, 0, None)
        })
    }

    /// Address without a path, e.g. `http://127.0.0.1:8080`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything answered so far.
    pub fn log(&self) -> Vec<Served> {
        self.log.lock().expect("no thread panics").clone()
    }

    /// Serves until the process ends.
    pub fn wait(mut self) {
        for thread in self.threads.drain(..) {
            // A thread that panicked has printed why; the others go on.
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        for _ in &self.threads {
            self.http.unblock();
        }
    }
}

fn answer(
    request: Request,
    mounts: &[Mount],
    preamble: Option<&Preamble>,
    log: &Mutex<Vec<Served>>,
) {
    let url = request.url().to_owned();
    let path = percent_decoded(url.split(['?', '#']).next().unwrap_or("/"));
    let (status, kind, body) = match (request.method(), file_for(&path, mounts)) {
        (Method::Get | Method::Head, Some(file)) => {
            let kind = content_type(&file);
            let before = preamble
                .filter(|(end, _)| path.ends_with(end))
                .map_or("", |(_, text)| text);
            match open(&file, before) {
                Ok(body) => (200, kind, body),
                Err(_) => (404, "text/plain; charset=utf-8", text("no such file\n")),
            }
        }
        (Method::Get | Method::Head, None) => {
            (404, "text/plain; charset=utf-8", text("no such file\n"))
        }
        _ => (
            405,
            "text/plain; charset=utf-8",
            text("only GET and HEAD\n"),
        ),
    };
    let (reader, length) = body;
    log.lock().expect("no thread panics").push(Served {
        url,
        status,
        bytes: length,
    });
    let header = |name: &str, value: &str| {
        Header::from_bytes(name, value).expect("fixed header names and values are ASCII")
    };
    let headers = vec![
        header("Content-Type", kind),
        // A rebuilt page must show at the next reload.
        header("Cache-Control", "no-cache"),
    ];
    let length = usize::try_from(length).ok();
    // A reader that went away is no error of ours.
    let _ = request.respond(Response::new(status.into(), headers, reader, length, None));
}

type Body = (Box<dyn Read + Send>, u64);

fn text(text: &str) -> Body {
    let bytes = text.as_bytes().to_vec();
    let length = bytes.len() as u64;
    (Box::new(std::io::Cursor::new(bytes)), length)
}

fn open(path: &Path, before: &str) -> std::io::Result<Body> {
    let file = File::open(path)?;
    let length = file.metadata()?.len() + before.len() as u64;
    let before = std::io::Cursor::new(before.as_bytes().to_vec());
    Ok((Box::new(before.chain(file)), length))
}

/// The file behind a path, or nothing if it is outside every mount.
fn file_for(path: &str, mounts: &[Mount]) -> Option<PathBuf> {
    let mount = mounts
        .iter()
        .filter(|mount| path.starts_with(&mount.path))
        .max_by_key(|mount| mount.path.len())?;
    let inside = Path::new(&path[mount.path.len()..]);
    let plain = |part: Component| matches!(part, Component::Normal(_));
    if !inside.components().all(plain) {
        return None;
    }
    let file = mount.folder.join(inside);
    let file = if file.is_dir() {
        file.join("index.html")
    } else {
        file
    };
    file.is_file().then_some(file)
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|end| end.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        // Browsers compile while loading only under this type.
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("txt" | "md") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn percent_decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits = (first == b'%').then(|| after.get(..2)).flatten();
        let value = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match value {
            Some(value) => {
                bytes.push(value);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpStream;

    fn site() -> (tempfile::TempDir, Server) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("index.html"), "<p>here").unwrap();
        std::fs::write(folder.path().join("a b.wasm"), [0, 97, 115, 109]).unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::write(folder.path().join("sub/x.js"), "2").unwrap();
        let mounts = vec![
            Mount {
                path: "/some/path/".into(),
                folder: folder.path().to_owned(),
            },
            Mount {
                path: "/some/path/elsewhere/".into(),
                folder: folder.path().join("sub"),
            },
        ];
        let server = Server::start(mounts, 0, Some(("x.js".into(), "1;".into()))).unwrap();
        (folder, server)
    }

    fn get(server: &Server, path: &str) -> String {
        let mut stream = TcpStream::connect(server.address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).unwrap();
        String::from_utf8_lossy(&reply).into_owned()
    }

    #[test]
    fn serves_files_below_the_mount_with_their_type() {
        let (_folder, server) = site();
        let index = get(&server, "/some/path/?backend=cpu");
        assert!(
            index.starts_with("HTTP/1.1 200") && index.ends_with("<p>here"),
            "{index}"
        );
        let wasm = get(&server, "/some/path/a%20b.wasm");
        assert!(
            wasm.to_lowercase()
                .contains("content-type: application/wasm"),
            "{wasm}"
        );
        assert_eq!(
            server.log()[0],
            Served {
                url: "/some/path/?backend=cpu".into(),
                status: 200,
                bytes: 7
            }
        );
    }

    #[test]
    fn the_longest_mount_wins_and_the_preamble_comes_first() {
        let (_folder, server) = site();
        assert!(get(&server, "/some/path/elsewhere/x.js").ends_with("1;2"));
    }

    #[test]
    fn nothing_outside_the_mounts_is_served() {
        let (_folder, server) = site();
        for path in [
            "/",
            "/some/path/../../etc/passwd",
            "/some/path/%2e%2e/x",
            "/some/path/none",
        ] {
            assert!(
                get(&server, path).starts_with("HTTP/1.1 404"),
                "{path} was served"
            );
        }
    }

    #[test]
    fn a_taken_port_gives_another() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let server = Server::site(folder.path(), port).unwrap();
        assert_ne!(server.address.port(), port);
    }
}
