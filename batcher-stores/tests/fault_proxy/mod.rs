//! A proxy between an S3 client and a server that makes chosen requests go wrong, and a server in memory.

mod bucket;
mod fault;
mod http;
mod proxy;

pub(crate) use bucket::Bucket;
pub(crate) use fault::{Fault, Kind};
pub(crate) use proxy::{Planned, Proxy, Upstream};
