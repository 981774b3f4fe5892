//! A plain static file server: what any host of the site does, with no special headers. Tests mount
//! several folders and read the log of requests.

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::runtime::{Builder, Runtime};
use tower_http::services::ServeDir;

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

type Log = Arc<Mutex<Vec<Served>>>;

/// A running server; it stops when dropped.
pub struct Server {
    runtime: Option<Runtime>,
    address: SocketAddr,
    log: Log,
}

impl Server {
    /// Serves `mounts` on `port` of this machine only; port 0 takes any free one.
    ///
    /// # Errors
    /// Where the port is taken.
    pub fn start(mounts: &[Mount], port: u16) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .with_context(|| format!("port {port} cannot be opened"))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let log = Log::default();
        let site = router(mounts).layer(from_fn_with_state(log.clone(), note));
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.spawn(async move {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => axum::serve(listener, site).await,
                Err(error) => Err(error),
            }
        });
        Ok(Self {
            runtime: Some(runtime),
            address,
            log,
        })
    }

    /// Serves a folder at the root, on this port or, where it is taken, on a free one.
    pub fn site(folder: &Path, port: u16) -> Result<Self> {
        let mounts = [Mount {
            path: "/".into(),
            folder: folder.to_owned(),
        }];
        Self::start(&mounts, port).or_else(|error| {
            println!("{error:#}; taking a free one");
            Self::start(&mounts, 0)
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
    pub fn wait(self) -> ! {
        loop {
            std::thread::park();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn router(mounts: &[Mount]) -> Router {
    mounts.iter().fold(Router::new(), |router, mount| {
        let files = ServeDir::new(&mount.folder);
        match mount.path.trim_end_matches('/') {
            "" => router.fallback_service(files),
            path => router.nest_service(path, files),
        }
    })
}

/// Writes the answer down, and has a rebuilt page show at the next reload.
async fn note(State(log): State<Log>, request: Request, next: Next) -> Response {
    let url = request.uri().to_string();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    let length = headers.get(header::CONTENT_LENGTH);
    let bytes = length.and_then(|length| length.to_str().ok()?.parse().ok());
    log.lock().expect("no thread panics").push(Served {
        url,
        status: response.status().as_u16(),
        bytes: bytes.unwrap_or(0),
    });
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    fn site() -> (tempfile::TempDir, Server) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("index.html"), "<p>here").unwrap();
        std::fs::write(folder.path().join("a b.wasm"), [0, 97, 115, 109]).unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::write(folder.path().join("sub/x.js"), "2").unwrap();
        let mounts = [
            Mount {
                path: "/some/path/".into(),
                folder: folder.path().to_owned(),
            },
            Mount {
                path: "/some/path/elsewhere/".into(),
                folder: folder.path().join("sub"),
            },
        ];
        let server = Server::start(&mounts, 0).unwrap();
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
    fn the_longest_mount_wins() {
        let (_folder, server) = site();
        assert!(get(&server, "/some/path/elsewhere/x.js").ends_with("2"));
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

    /// A browser opens connections ahead of need and keeps them: none may keep another waiting.
    #[test]
    fn idle_connections_keep_nobody_waiting() {
        let (_folder, server) = site();
        let idle: Vec<TcpStream> = (0..32)
            .map(|_| TcpStream::connect(server.address).unwrap())
            .collect();
        let replies: Vec<_> = std::thread::scope(|scope| {
            let ask = |_| scope.spawn(|| get(&server, "/some/path/"));
            let asked: Vec<_> = (0..16).map(ask).collect();
            asked.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(replies.iter().all(|reply| reply.ends_with("<p>here")));
        drop(idle);
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
