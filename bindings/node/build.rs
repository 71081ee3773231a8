//! Lets the linker leave Node's symbols open on systems where it would otherwise insist on them.

fn main() {
    napi_build::setup();
}
