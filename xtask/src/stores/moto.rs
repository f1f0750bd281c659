//! moto: an S3 server that believes everybody, and lets many create one name at a time.

use std::io;
use std::path::Path;
use std::process::Command;

use super::http::request;
use super::install::pip;
use super::seaweedfs::s3_url;
use super::server::{BUCKET, Server};
use super::supervised::Supervised;

#[derive(Debug)]
pub(super) struct Moto;

impl Server for Moto {
    fn name(&self) -> &'static str {
        "moto"
    }

    fn package(&self) -> &'static str {
        "moto-5.2.1"
    }

    fn installation(&self, directory: &Path) -> io::Result<Vec<Command>> {
        Ok(pip(directory, &["moto[server]==5.2.1".as_ref()]))
    }

    fn start(&self, installed: &Path, _home: &Path, ports: &[u16]) -> io::Result<Command> {
        let mut command = Supervised::command(installed.join("bin/python"));
        command.args(["-m", "moto.server", "-H", "127.0.0.1"]);
        command.args(ports.iter().map(|port| format!("-p{port}")));
        Ok(command)
    }

    fn prepare(&self, ports: &[u16]) -> io::Result<bool> {
        let [port] = ports else { return Ok(false) };
        Ok(request(*port, "PUT", &format!("/{BUCKET}"), &[])? == 200)
    }

    fn url(&self, ports: &[u16]) -> String {
        s3_url(ports, "test", "testtest")
    }
}
