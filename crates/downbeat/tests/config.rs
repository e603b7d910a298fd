//! Tables of configurations: what each bad one is told, word for word, and what each good one resolves to.
//!
//! `bad/NAME.toml` ends with 64 and says `bad/NAME.txt`. `good/NAME.toml` ends with 0 and its printed form has
//! the lines of `good/NAME.txt` in it, in that order. With `UPDATE_EXPECTED=1` the bad texts are written anew,
//! to be read before they are committed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Fewer cases than this means that the folder was not found, or emptied.
const CASES_MIN: usize = 60;

fn cases(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config").join(kind);
    let entries = std::fs::read_dir(folder).expect("the folder of cases is there");
    let paths = entries.map(|entry| entry.expect("a folder entry").path());
    let mut cases: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    cases.sort();
    cases
}

/// Runs `downbeat check` in the folder of the case, so that messages name the file alone.
fn check(case: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_downbeat"))
        .args(["check", "-c"])
        .arg(case.file_name().expect("a case has a file name"))
        .current_dir(case.parent().expect("a case is in a folder"))
        .output()
        .expect("downbeat runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("downbeat prints UTF-8")
}

/// The words of a line: how far apart they stand depends on the other lines.
fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// Compares with the expected text, or writes it when that is wanted.
fn compare(case: &Path, said: &str) -> Option<String> {
    let expected = case.with_extension("txt");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(&expected, said).expect("the expected text can be written");
        return None;
    }
    let wanted = std::fs::read_to_string(&expected).unwrap_or_default();
    (wanted != said).then(|| format!("{}:\n--- expected\n{wanted}\n--- said\n{said}", case.display()))
}

#[test]
fn bad_configurations_are_told_everything_at_once() {
    let mut wrong = Vec::new();
    for case in cases("bad") {
        let output = check(&case);
        let said = text(&output.stderr);
        if output.status.code() != Some(64) || !output.stdout.is_empty() {
            wrong.push(format!("{}: ended with {}: {said}", case.display(), output.status));
        }
        wrong.extend(compare(&case, &said));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn good_configurations_resolve() {
    for case in cases("good") {
        let output = check(&case);
        let said = text(&output.stdout);
        assert!(output.status.success(), "{}: {}", case.display(), text(&output.stderr));
        let wanted = std::fs::read_to_string(case.with_extension("txt")).expect("each good case has its text");
        let mut lines = said.lines().map(words);
        for line in wanted.lines().map(words) {
            assert!(lines.any(|l| l == line), "{}: no line {line:?}, in this order, in\n{said}", case.display());
        }
    }
}

#[test]
fn there_are_enough_cases() {
    assert!(cases("bad").len() + cases("good").len() >= CASES_MIN);
}

/// Runs `downbeat check` on a configuration with TLS in a folder of its own.
fn check_tls(folder: &Path, key: &str) -> Output {
    let text = format!(
        "[edge]\nlisten = \"0.0.0.0:80\"\nlisten_tls = \"0.0.0.0:443\"\ntrusted_proxies = [\"10.0.0.0/8\"]\n\
         proxy_protocol = \"tls\"\nforwarded = \"both\"\n[[edge.certificate]]\ncert = \"tls.pem\"\nkey = \"{key}\"\n\
         [[component]]\nname = \"playback\"\nreplicas = [\"http://10.0.0.1:9001\"]\n"
    );
    let case = folder.join("tls.toml");
    std::fs::write(&case, text).expect("a configuration is written");
    check(&case)
}

#[test]
fn certificates_are_read_beside_the_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let make = || {
        let names = ["music.example", "*.music.example"].map(str::to_owned);
        rcgen::generate_simple_self_signed(names).expect("good names")
    };
    let (ours, other) = (make(), make());
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).expect("written");
    write("tls.pem", ours.cert.pem());
    write("tls.key", ours.signing_key.serialize_pem());
    write("other.key", other.signing_key.serialize_pem());

    let good = check_tls(folder.path(), "tls.key");
    let said = text(&good.stdout);
    assert!(good.status.success(), "{}", text(&good.stderr));
    let lines: Vec<Vec<&str>> = said.lines().map(words).collect();
    for line in
        ["edge tls  0.0.0.0:443  clients of the service, over TLS", "tls.pem  tls.key  music.example, *.music.example"]
    {
        assert!(lines.contains(&words(line)), "no line {line:?} in\n{said}");
    }

    let bad = check_tls(folder.path(), "other.key");
    let said = text(&bad.stderr);
    assert_eq!(bad.status.code(), Some(64), "{said}");
    let told = "tls.toml:9:7: other.key: has a private key in it that does not belong to the certificate in tls.pem";
    assert!(said.starts_with(told) && said.contains("\nhint: give the key"), "{said}");
}
