//! The server under load, as a process of its own.

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use tokio::process::{Child, Command};

use crate::{Failure, http::Connection};

/// How long it may take to get ready.
const READY_MAX: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// From the start of the process to the first good answer of `/readyz`.
    pub(crate) ready_after: Duration,
    child: Child,
}

impl Server {
    pub(crate) async fn start(binary: &Path, data: &Path) -> Result<Self, Failure> {
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let started = Instant::now();
        let child = Command::new(binary)
            .args(["serve", "--rate-limits", "off", "--log", "warn", "--listen"])
            .arg(address.to_string())
            .arg("--data")
            .arg(data)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                format!(
                    "can not start {} (build it with the same profile): {error}",
                    binary.display()
                )
            })?;
        loop {
            if let Ok(mut connection) = Connection::open(address).await
                && connection.get("/readyz").await.is_ok_and(|answer| answer.status == 200)
            {
                return Ok(Self { address, ready_after: started.elapsed(), child });
            }
            if started.elapsed() > READY_MAX {
                return Err("the server does not get ready".into());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// The memory that the process holds, in megabytes.
    pub(crate) fn resident_mb(&self) -> Result<f64, Failure> {
        let id = self.child.id().ok_or("the server has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib / 1024.0)
    }

    pub(crate) async fn stop(&mut self) -> Result<(), Failure> {
        self.child.kill().await?;
        Ok(())
    }
}
