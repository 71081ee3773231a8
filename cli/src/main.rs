//! The siftstream command.

fn main() {}
