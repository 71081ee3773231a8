//! What loopback TCP can do: as many bytes, written by nothing but `write`, read by another process that does nothing
//! but `read`.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Instant;

use socket2::SockRef;

/// How much the other process reads at a time.
const READ: usize = 256 << 10;

/// Accepts one connection, reads it to its end, and closes it.
pub(crate) fn sink() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    writeln!(io::stdout().lock(), "{}", listener.local_addr()?)?;
    let (mut connection, _) = listener.accept()?;
    let mut buffer = vec![0; READ];
    while connection.read(&mut buffer)? > 0 {}
    Ok(())
}

/// Sends `bytes` bytes in writes of `write` bytes to another process; returns how many a second, until it had them all.
pub(crate) fn send(bytes: u64, write: usize) -> Result<f64, Box<dyn Error>> {
    let mut child = Command::new(std::env::current_exe()?).arg("sink").stdout(Stdio::piped()).spawn()?;
    let mut address = String::new();
    BufReader::new(child.stdout.take().ok_or("the sink has no output")?).read_line(&mut address)?;
    let mut connection = TcpStream::connect(address.trim())?;
    connection.set_nodelay(true)?;
    // As the library does on a loopback.
    SockRef::from(&connection).set_tcp_congestion(b"reno")?;
    let buffer = vec![0x5a; write];
    let began = Instant::now();
    let mut left = bytes;
    while left > 0 {
        let now = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        connection.write_all(&buffer[..now])?;
        left -= now as u64;
    }
    connection.shutdown(Shutdown::Write)?;
    // The other side closes when it has read everything.
    let mut nothing = Vec::new();
    connection.read_to_end(&mut nothing)?;
    let seconds = began.elapsed().as_secs_f64();
    child.wait()?;
    Ok(bytes as f64 / seconds)
}
