//! Azurite: Azure Blob Storage, by its own makers.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::http::request;
use super::server::{BUCKET, Server, url};
use super::supervised::Supervised;

/// The account that every Azurite has, and its key, which is no secret.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

#[derive(Debug)]
pub(super) struct Azurite;

impl Server for Azurite {
    fn name(&self) -> &'static str {
        "azure"
    }

    fn package(&self) -> &'static str {
        "azurite-3.35.0"
    }

    fn installation(&self, directory: &Path) -> io::Result<Vec<Command>> {
        fs::create_dir_all(directory)?;
        let mut npm = Supervised::command("npm");
        // Later versions need a newer Node than Debian 12 has.
        npm.args([
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--loglevel=error",
            "azurite@3.35.0",
        ]);
        npm.arg("--prefix").arg(directory);
        Ok(vec![npm])
    }

    fn start(&self, installed: &Path, _home: &Path, ports: &[u16]) -> io::Result<Command> {
        let mut command = Supervised::command("node");
        command
            .arg(installed.join("node_modules/azurite/dist/src/blob/main.js"))
            .args(["--silent", "--disableTelemetry", "--inMemoryPersistence", "--blobHost", "127.0.0.1"])
            .arg("--blobPort")
            .args(ports.iter().map(ToString::to_string));
        Ok(command)
    }

    fn prepare(&self, ports: &[u16]) -> io::Result<bool> {
        let [port] = ports else { return Ok(false) };
        let date = httpdate::fmt_http_date(SystemTime::now());
        let version = "2021-12-02";
        let path = format!("/{ACCOUNT}/{BUCKET}");
        // Method, eleven headers that are not there, the headers that are, and the account, path and query.
        let signed = format!(
            "PUT{}x-ms-date:{date}\nx-ms-version:{version}\n/{ACCOUNT}{path}\nrestype:container",
            "\n".repeat(12)
        );
        let key = STANDARD.decode(KEY).map_err(io::Error::other)?;
        let mut signature = Hmac::<Sha256>::new_from_slice(&key).map_err(io::Error::other)?;
        signature.update(signed.as_bytes());
        let signature = STANDARD.encode(signature.finalize().into_bytes());
        let headers = [
            ("x-ms-date", date),
            ("x-ms-version", version.to_owned()),
            ("Authorization", format!("SharedKey {ACCOUNT}:{signature}")),
        ];
        // Made now, or by a try whose answer came too late.
        Ok(matches!(request(*port, "PUT", &format!("{path}?restype=container"), &headers)?, 201 | 409))
    }

    fn url(&self, ports: &[u16]) -> String {
        let endpoint = format!("http://127.0.0.1:{}/{ACCOUNT}", ports.first().copied().unwrap_or_default());
        url(
            &format!("az://{BUCKET}"),
            &[
                ("endpoint", &endpoint),
                ("allow_http", "true"),
                ("account_name", ACCOUNT),
                ("access_key", KEY),
            ],
        )
    }
}
