//! Every check reads back as it was written; what is no promise says why.

use super::*;

fn every_check() -> Vec<Check> {
    let path = PathBuf::from("/p/x");
    vec![
        Check::Port {
            host: "127.0.0.1".into(),
            port: 6379,
        },
        Check::Socket { path: path.clone() },
        Check::Url {
            url: "http://h/".into(),
            status: 204,
            text: Some("ok".into()),
        },
        Check::Answer {
            host: "h".into(),
            port: 22,
            send: Some("a\nb".into()),
            text: "SSH-2.0".into(),
        },
        Check::Process {
            process: "redis".into(),
        },
        Check::FileFresh {
            path: path.clone(),
            max_age_s: 60,
        },
        Check::FileState {
            path: path.clone(),
            state: FileState::NotEmpty,
        },
        Check::DiskFree {
            path: path.clone(),
            min_bytes: 1 << 40,
        },
        Check::Command {
            command: vec!["true".into(), "a b".into()],
        },
        Check::Executable { path },
    ]
}

#[test]
fn to_text_of_every_check_reads_back() {
    for check in every_check() {
        let spec = PromiseSpec {
            period_s: 7,
            ..PromiseSpec::new("p", check)
        };
        assert_eq!(PromiseSpec::parse("p", &spec.to_text()).unwrap(), spec);
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<PromiseSpec>(&json).unwrap(), spec);
    }
}

#[test]
fn parse_of_little_fills_in_the_defaults() {
    let spec = PromiseSpec::parse("p", r#"{"check": "port", "port": 80}"#).unwrap();
    assert_eq!(
        spec,
        PromiseSpec::new(
            "p",
            Check::Port {
                host: "127.0.0.1".into(),
                port: 80
            }
        )
    );
}

#[test]
fn parse_of_what_is_no_promise_says_why() {
    let said = |text: &str| PromiseSpec::parse("p", text).unwrap_err().to_string();
    assert!(said(r#"{"check": "prot"}"#).contains("`prot` is not a check"));
    assert!(said(r#"{"check": "port"}"#).contains("needs `port`"));
    assert!(said(r#"{"check": "port", "port": 1, "url": "x"}"#).contains("does not know `url`"));
    assert!(said(r#"{"check": "port", "port": 70000}"#).contains("70000"));
    assert!(said("[").contains("reading the promise `p`"));
    assert!(said(r#"{"check": "command", "command": []}"#).contains("needs `command`"));
}
