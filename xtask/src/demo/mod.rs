//! x
#![allow(dead_code)]
mod job;
