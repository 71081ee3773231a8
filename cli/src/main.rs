//! The siftstream command.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: siftstream_cli::CountingAllocator = siftstream_cli::CountingAllocator;

fn main() -> ExitCode {
    siftstream_cli::run(std::env::args_os())
}
