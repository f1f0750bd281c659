//! Development tasks: `cargo xtask` lists them.

mod demo;

fn main() {}
