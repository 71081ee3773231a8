//! Streams the numbers in a file, one a line, and goes on after a crash where it has to: no line is lost.
//!
//! Kill it at any moment and start it again with the same arguments. Rows go to a directory and to Sift; what is in the
//! directory needs not be read again, for the next start sends it.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to a person")]

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::process::ExitCode;
use std::time::Duration;

use siftstream::{
    ChannelConfig, ChannelDataType, ChannelIndex, Credentials, FlowBuilder, FlowConfig, IngestionConfigForm,
    SiftStreamBuilder,
};

/// After how many lines the stream is told how far it has come.
const LINES_PER_MARK: u64 = 100;
const SOURCE: &str = "lines";
const TIMEOUT: Duration = Duration::from_secs(10);

fn stream_file(uri: &str, apikey: &str, path: &str, backups: &str) -> Result<(), Box<dyn Error>> {
    let form = IngestionConfigForm {
        asset_name: "rig".to_owned(),
        client_key: "rig-lines".to_owned(),
        flows: vec![FlowConfig {
            name: "lines".to_owned(),
            channels: vec![ChannelConfig::new("number", ChannelDataType::Uint64)],
        }],
    };
    // `insecure` allows http://, for a local server.
    let stream =
        SiftStreamBuilder::new(Credentials::Config { uri: uri.to_owned(), apikey: apikey.to_owned() })
            .insecure(true)
            .ingestion_config(form)
            .live_with_backups()
            .backups_dir(backups)
            .build_blocking(TIMEOUT)?;

    // The offset is the position in the file: the first byte that no durable row covers.
    let mut offset = stream.recover()?.offset(SOURCE);
    println!("resumed at byte {offset}");
    let mut file = BufReader::new(File::open(path)?);
    file.seek(SeekFrom::Start(offset))?;

    let mut row = FlowBuilder::new(&stream.get_flow_descriptor("lines")?);
    let mut line = String::new();
    let mut sent = 0_u64;
    loop {
        line.clear();
        let bytes = file.read_line(&mut line)?;
        if bytes == 0 {
            break;
        }
        row.set_uint64(ChannelIndex::new(0), line.trim().parse()?)?;
        stream.send_timeout(&row, TIMEOUT).map_err(|refused| refused.error)?;
        offset += bytes as u64;
        sent += 1;
        if sent.is_multiple_of(LINES_PER_MARK) {
            stream.mark_offset(SOURCE, offset)?;
        }
    }
    stream.mark_offset(SOURCE, offset)?;
    println!("{}", stream.finish(TIMEOUT)?);
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().collect();
    let [program, rest @ ..] = &arguments[..] else { return ExitCode::from(2) };
    let [uri, apikey, path, backups] = rest else {
        eprintln!("usage: {program} URI API_KEY FILE BACKUPS_DIR");
        return ExitCode::from(2);
    };
    match stream_file(uri, apikey, path, backups) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
