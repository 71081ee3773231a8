//! `siftstream doctor` names every problem that is planted, and no other; it never shows the key.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must say where")]

mod doctor_common;

use doctor_common::*;
use siftstream_server::{AnswerDate, Code, ConnectionFault, FaultStatus, Times, UnaryEffect, UnaryFault};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

#[test]
fn a_machine_without_a_problem_is_told_so() {
    let server = server();
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o700)).unwrap();
    let backups = dir.path().to_str().unwrap();
    let verdict = doctor(["--uri", &server.uri(), "--insecure", "--backups-dir", backups, "--min-free", "1"]);
    verdict.assert_healthy();
    let order: Vec<_> = verdict.findings.iter().map(|finding| finding["check"].as_str().unwrap()).collect();
    let network = ["address", "dns", "tcp", "tls", "ping", "auth", "clock"];
    let disk = ["disk-space", "disk-write", "disk-sync", "disk-modes"];
    assert_eq!(order, [&network[..], &disk[..]].concat());
    assert!(verdict.checks("skip").is_empty());
    let clock = &verdict.finding("clock")["values"];
    assert!(
        clock["endpoint_ahead_s"].as_f64().unwrap().abs() <= 1.0 + clock["uncertainty_s"].as_f64().unwrap()
    );
    assert!(verdict.finding("disk-sync")["values"]["median_ms"].as_f64().unwrap() >= 0.0);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "the doctor left something behind");
}

#[test]
fn people_read_one_line_a_check_and_a_sum() {
    let home = tempfile::tempdir().unwrap();
    let uri = format!("http://127.0.0.1:{}", closed_port());
    let output = command(home.path()).args(["--insecure", "--uri", &uri]).output().unwrap();
    let said = text(&output.stdout);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 9, "{said}");
    assert!(lines[0].starts_with("ok    address     http://127.0.0.1:"), "{said}");
    assert!(lines[2].starts_with("FAIL  tcp         127.0.0.1:"), "{said}");
    assert!(lines[3].starts_with("skip  tls"), "{said}");
    assert_eq!(lines[8], "1 problem found, 0 warnings");
    assert!(output.stderr.is_empty());
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn arguments_that_make_no_sense_are_no_diagnosis() {
    for args in [&["--no-such-option"][..], &["--uri", "https://a", "--profile", "b"], &["--timeout", "0"]] {
        let home = tempfile::tempdir().unwrap();
        let output = command(home.path()).args(args).output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    }
}

#[test]
fn a_host_name_that_does_not_exist_is_named() {
    let verdict = doctor(["--uri", "https://no-such-host.invalid"]);
    verdict.assert_problem("dns", "\"no-such-host.invalid\"");
    assert_eq!(verdict.checks("skip"), ["tcp", "tls", "ping", "auth", "clock", "disk"]);
}

#[test]
fn a_closed_port_is_named() {
    let uri = format!("https://127.0.0.1:{}", closed_port());
    doctor(["--uri", &uri]).assert_problem("tcp", "refuses, nothing listens there: check the port");
}

#[test]
fn an_address_that_fails_beside_one_that_answers_is_a_warning() {
    let server = server();
    let verdict = doctor(["--uri", &format!("http://localhost:{}", server.port()), "--insecure"]);
    verdict.assert_healthy();
    let both = verdict.message("dns").contains("::1");
    assert_eq!(verdict.status("tcp"), if both { "warn" } else { "ok" }, "{verdict:#?}");
}

#[test]
fn a_silent_server_is_named() {
    let plain = server();
    plain.inject_connection(ConnectionFault::Silence, Times::Always);
    let verdict = doctor(["--uri", &plain.uri(), "--insecure", "--timeout", "1"]);
    verdict.assert_problem("ping", "says nothing within 1s");
    let ca = Ca::new();
    let secure = ca.server("127.0.0.1", 2100);
    secure.inject_connection(ConnectionFault::Silence, Times::Always);
    let verdict = ca.doctor_of(&secure, &["--timeout", "1"]);
    verdict.assert_problem("tls", "did not finish the TLS handshake");
}

#[test]
fn a_plaintext_client_on_a_tls_port_is_named() {
    let server = Ca::new().server("127.0.0.1", 2100);
    let uri = format!("http://127.0.0.1:{}", server.port());
    doctor(["--uri", &uri, "--insecure"]).assert_problem("tls", "it speaks TLS on this port; use https://");
}

#[test]
fn a_tls_client_on_a_plaintext_port_is_named() {
    let server = server();
    let uri = format!("https://127.0.0.1:{}", server.port());
    doctor(["--uri", &uri]).assert_problem("tls", "it does not speak TLS on this port");
}

#[test]
fn an_expired_certificate_is_named() {
    let ca = Ca::new();
    ca.doctor_of(&ca.server("127.0.0.1", 2001), &[]).assert_problem("tls", "its certificate has expired");
}

#[test]
fn a_certificate_for_another_host_is_named_and_the_advice_helps() {
    let ca = Ca::new();
    let server = ca.server("sift.example", 2100);
    ca.doctor_of(&server, &[]).assert_problem("tls", "its certificate is for another host");
    ca.doctor_of(&server, &["--server-name", "sift.example"]).assert_healthy();
}

#[test]
fn a_certificate_of_an_unknown_ca_is_named_and_the_advice_helps() {
    let ca = Ca::new();
    let server = ca.server("127.0.0.1", 2100);
    let uri = format!("https://127.0.0.1:{}", server.port());
    doctor(["--uri", &uri]).assert_problem("tls", "nobody who is trusted here signed its certificate");
    ca.doctor_of(&server, &[]).assert_healthy();
}

#[test]
fn a_missing_client_certificate_is_named_and_the_advice_helps() {
    let ca = Ca::new();
    let (certificate, key) = ca.leaf("127.0.0.1", 2100);
    let clients = std::fs::read_to_string(ca.file()).unwrap();
    let server = siftstream_server::LocalServer::builder()
        .api_key(Some(KEY))
        .tls(&certificate, &key, Some(&clients))
        .start()
        .unwrap();
    ca.doctor_of(&server, &[]).assert_problem("tls", "it wants a client certificate");
    let (certificate, key) = ca.leaf_files("vehicle");
    let own = ["--client-cert", certificate.to_str().unwrap(), "--client-key", key.to_str().unwrap()];
    ca.doctor_of(&server, &own).assert_healthy();
}

#[test]
fn a_wrong_key_is_told_from_one_without_permission() {
    let server = server();
    server.set_api_key(Some("another"));
    let verdict = doctor_of(&server);
    verdict.assert_problem("auth", "UNAUTHENTICATED");
    assert!(verdict.message("auth").contains("check the API key"));
    assert_eq!((verdict.status("ping"), verdict.status("clock")), ("ok", "ok"));

    server.set_api_key(Some(KEY));
    // A server that repeats the key does not make the doctor show it.
    let message = format!("{KEY} may not do this");
    let status = FaultStatus { code: Code::PermissionDenied, message, retry_after: None };
    let effect = UnaryEffect::Status(status);
    server.inject_unary(UnaryFault { method: Some("Ping".to_owned()), effect }, Times::Always);
    let verdict = doctor_of(&server);
    verdict.assert_problem("auth", "PERMISSION_DENIED");
    assert!(verdict.message("auth").contains("give the API key's user the permission"));
}

#[test]
fn a_key_that_cannot_be_one_is_named_without_being_shown() {
    let server = server();
    let home = tempfile::tempdir().unwrap();
    let mut odd = command(home.path());
    odd.env("SIFTSTREAM_API_KEY", format!("{KEY}\n")).args(["--insecure", "--uri", &server.uri()]);
    run(&mut odd).assert_problem("key", "line break");
    let mut none = command(home.path());
    none.env_remove("SIFTSTREAM_API_KEY").args(["--insecure", "--uri", &server.uri()]);
    run(&mut none).assert_problem("key", "there is no API key");
}

#[test]
fn a_key_that_strays_into_the_uri_is_not_shown() {
    let home = tempfile::tempdir().unwrap();
    let mut command = command(home.path());
    command.args(["--uri", &format!("https://sift.example/{KEY}"), "--api-key", KEY]);
    run(&mut command).assert_problem("address", "goes on after the host and port");
}

#[test]
fn an_endpoint_that_is_not_sift_is_named() {
    let server = server();
    server.inject_connection(ConnectionFault::Answer(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Times::Always);
    doctor_of(&server).assert_problem("tls", "it speaks HTTP/1 on this port");
}

#[test]
fn a_missing_profile_is_named_and_one_that_is_there_is_used() {
    let server = server();
    let home = tempfile::tempdir().unwrap();
    let content = format!("[rig]\nuri = \"{}\"\napikey = \"{KEY}\"\n", server.uri());
    let file = write_sift_toml(home.path(), &content);
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    let doctor = |args: &[&str]| run(command(home.path()).arg("--insecure").args(args));
    doctor(&["--profile", "rocket"])
        .assert_problem("profile", "has no profile \"rocket\": add a table [rocket]");
    let verdict = doctor(&["--profile", "rig"]);
    verdict.assert_healthy();
    assert_eq!((verdict.status("profile"), verdict.status("auth")), ("ok", "ok"));
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    let verdict = doctor(&["--profile", "rig"]);
    verdict.assert_healthy();
    assert_eq!(verdict.status("profile"), "warn");
    assert!(verdict.message("profile").contains("chmod 600"));
}

#[test]
fn plaintext_that_nobody_asked_for_is_named() {
    let server = server();
    let verdict = doctor(["--uri", &server.uri()]);
    verdict.assert_problem("address", "would send the API key and all data unencrypted");
    assert_eq!(server.state().connections(), 0);
}

#[test]
fn a_full_disk_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let fill = "head -c 2097152 /dev/zero > \"$1/ballast\" 2> /dev/null || true";
    if let Some(verdict) = doctor_on_own_disk(dir.path(), "size=1m", fill) {
        assert_eq!((verdict.code, verdict.checks("fail")), (1, vec!["disk-space", "disk-write"]));
        assert!(verdict.message("disk-write").contains("it is full; make room"), "{verdict:#?}");
    }
}

#[test]
fn a_disk_with_less_room_than_is_to_stay_free_is_named() {
    let server = server();
    let dir = tempfile::tempdir().unwrap();
    let most = u64::MAX.to_string();
    let backups = dir.path().to_str().unwrap();
    let verdict =
        doctor(["--uri", &server.uri(), "--insecure", "--backups-dir", backups, "--min-free", &most]);
    verdict.assert_problem("disk-space", "make room, or lower `min_free`");
}

#[test]
fn a_read_only_directory_is_named() {
    let dir = tempfile::tempdir().unwrap();
    if let Some(verdict) = doctor_on_own_disk(dir.path(), "size=1m,ro,mode=0700", "true") {
        verdict.assert_problem("disk-write", "it is mounted read-only");
    }
    if !rustix::process::getuid().is_root() {
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o500)).unwrap();
        let server = server();
        let backups = dir.path().to_str().unwrap();
        let verdict =
            doctor(["--uri", &server.uri(), "--insecure", "--min-free", "1", "--backups-dir", backups]);
        verdict.assert_problem("disk-write", "this user may not write there");
    }
}

#[test]
fn a_directory_that_is_none_or_open_to_all_is_named() {
    let server = server();
    let dir = tempfile::tempdir().unwrap();
    let on = |path: &std::path::Path| {
        let path = path.to_str().unwrap();
        doctor(["--uri", &server.uri(), "--insecure", "--min-free", "1", "--backups-dir", path])
    };
    let link = dir.path().join("link");
    std::os::unix::fs::symlink("/tmp", &link).unwrap();
    on(&link).assert_problem("disk-write", "is no directory, nor may it be a link");

    let missing = dir.path().join("not/yet/there");
    let verdict = on(&missing);
    verdict.assert_healthy();
    assert!(verdict.message("disk-write").contains("does not exist yet"), "{verdict:#?}");
    assert!(!missing.exists() && !dir.path().join("not").exists());

    let open = dir.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).unwrap();
    on(&open).assert_problem("disk-modes", "chmod 700");
    std::fs::set_permissions(&open, PermissionsExt::from_mode(0o755)).unwrap();
    let verdict = on(&open);
    verdict.assert_healthy();
    assert_eq!(verdict.status("disk-modes"), "warn");
}

#[test]
fn a_clock_that_is_off_is_named_in_either_direction() {
    let server = server();
    for (date, direction) in [
        (AnswerDate::Ahead(Duration::from_secs(3)), "behind the endpoint's"),
        (AnswerDate::Behind(Duration::from_secs(86_400)), "ahead of the endpoint's"),
    ] {
        server.set_date(date);
        doctor_of(&server).assert_problem("clock", direction);
    }
}

#[test]
fn a_clock_that_cannot_be_compared_is_not_called_right() {
    let server = server();
    server.set_date(AnswerDate::Absent);
    let verdict = doctor_of(&server);
    verdict.assert_healthy();
    assert_eq!(verdict.status("clock"), "warn");
    assert!(verdict.message("clock").contains("cannot tell"));
}

#[test]
fn a_broken_configuration_file_is_named_without_what_stands_in_it() {
    let server = server();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("rig.toml");
    for (content, words) in [
        (format!("server_name = \"x\"\napi_key = \"{KEY}\n"), "line 2: this is not valid TOML"),
        ("conect_timeout = 3\n".to_owned(), "did you mean \"connect_timeout\"?"),
    ] {
        std::fs::write(&file, content).unwrap();
        let mut command = command(home.path());
        command.arg("--config").arg(&file).args(["--insecure", "--uri", &server.uri()]);
        run(&mut command).assert_problem("config", words);
    }
}

#[test]
fn a_configuration_file_is_gone_by_and_arguments_win_over_it() {
    let server = server();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("rig.toml");
    let backups = home.path().join("rows");
    let content = format!(
        "mode = \"live_with_backups\"\nuri = \"{}\"\ninsecure = true\n[disk_backup_policy]\nbackups_dir = {:?}\nmin_free = 1\n",
        server.uri(),
        backups
    );
    std::fs::write(&file, content).unwrap();
    let verdict = run(command(home.path()).arg("--config").arg(&file));
    verdict.assert_healthy();
    assert!(verdict.message("config").ends_with("live_with_backups, 0 flows, 0 channels"), "{verdict:#?}");
    assert!(verdict.message("disk-write").contains(backups.to_str().unwrap()));
    let closed = format!("http://127.0.0.1:{}", closed_port());
    let verdict = run(command(home.path()).arg("--config").arg(&file).args(["--uri", &closed]));
    verdict.assert_problem("tcp", "refuses");
}

/// A proxy that answers each request with `answer` and says what was asked of it; if it lets through, it connects there.
fn proxy(answer: &'static str) -> (u16, std::sync::mpsc::Receiver<String>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, asked) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let tell = tell.clone();
            std::thread::spawn(move || pass_on(client.unwrap(), answer, &tell));
        }
    });
    (port, asked)
}

fn pass_on(mut client: std::net::TcpStream, answer: &str, tell: &std::sync::mpsc::Sender<String>) {
    use std::io::{Read, Write};
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if client.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let head = text(&head);
    let place = head.split(' ').nth(1).unwrap().to_owned();
    tell.send(head).ok();
    client.write_all(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes()).unwrap();
    if !answer.starts_with("200") {
        return;
    }
    let mut server = std::net::TcpStream::connect(place).unwrap();
    let (mut back_from, mut back_to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    std::thread::spawn(move || std::io::copy(&mut back_from, &mut back_to).ok());
    std::io::copy(&mut client, &mut server).ok();
}

#[test]
fn the_way_through_a_proxy_is_the_one_that_is_checked() {
    let server = server();
    let (port, asked) = proxy("200 Connection established");
    let through = |port: u16| {
        let home = tempfile::tempdir().unwrap();
        let mut command = command(home.path());
        command.env("SIFTSTREAM_PROXY", format!("http://flight:{KEY}@127.0.0.1:{port}"));
        run(command.args(["--insecure", "--uri", &server.uri()]))
    };
    let verdict = through(port);
    verdict.assert_healthy();
    assert!(verdict.message("proxy").contains(&format!("127.0.0.1:{port}")), "{verdict:#?}");
    assert!(verdict.message("tcp").contains(&format!("127.0.0.1:{port} answers")), "{verdict:#?}");
    assert_eq!((verdict.status("auth"), verdict.status("tls")), ("ok", "warn"));
    assert!(asked.try_iter().all(|head| head.starts_with(&format!("CONNECT 127.0.0.1:{} ", server.port()))));

    let (port, _asked) = proxy("407 Proxy Authentication Required");
    through(port).assert_problem("ping", "wants other credentials");
    through(closed_port()).assert_problem("tcp", "refuses, nothing listens there");
    let home = tempfile::tempdir().unwrap();
    let mut odd = command(home.path());
    odd.env("SIFTSTREAM_PROXY", "gopher://proxy:1").args(["--insecure", "--uri", &server.uri()]);
    run(&mut odd).assert_problem("proxy", "the proxy cannot be used");
}
