//! Help, wrong usage, and what is said when there is no master.

use crate::program::World;

#[test]
fn help_of_the_program_teaches_the_first_commands() {
    insta::assert_snapshot!(World::new().run(&["--help"]).shown());
}

#[test]
fn help_of_request_shows_the_order_and_the_exit_codes() {
    let ran = World::new().run(&["request", "--help"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.stdout.contains("slapos request redis my_db"));
    assert!(ran.stdout.contains("Exit codes"));
}

#[test]
fn no_words_at_all_shows_the_help_as_wrong_usage() {
    let ran = World::new().run(&[]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("slapos up --request redis my_db"));
}

#[test]
fn version_is_one_line() {
    let ran = World::new().run(&["--version"]);
    assert_eq!(ran.code, Some(0));
    assert_eq!(
        ran.stdout,
        format!("slapos {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn a_mistyped_command_is_wrong_usage_with_the_nearest() {
    insta::assert_snapshot!(World::new().run(&["reqest", "redis", "my_db"]).shown());
}

#[test]
fn a_request_without_a_name_is_wrong_usage() {
    insta::assert_snapshot!(World::new().run(&["request", "redis"]).shown());
}

#[test]
fn a_request_of_two_profiles_shows_both_forms() {
    insta::assert_snapshot!(World::new().run(&["request", "./a.cfg", "./b.cfg"]).shown());
}

#[test]
fn a_command_before_any_start_says_how_to_start() {
    let world = World::new();
    insta::assert_snapshot!(world.run(&["service", "list"]).shown());
    assert_eq!(world.run(&["request", "redis", "my_db"]).code, Some(3));
    assert_eq!(world.run(&["status", "--json"]).code, Some(3));
}

#[test]
fn a_command_without_an_answering_master_names_where_it_looked() {
    let world = World::new();
    fs_err::create_dir_all(world.root().join("etc")).unwrap();
    fs_err::write(world.path().join("token"), "secret").unwrap();
    // Port 9 is "discard", which nobody serves.
    let client = serde_json::json!({
        "url": "http://127.0.0.1:9", "token_file": world.path().join("token"),
    });
    fs_err::write(world.root().join("etc/client.json"), client.to_string()).unwrap();
    insta::assert_snapshot!(world.run(&["service", "list"]).shown());
}

#[test]
fn a_client_file_that_is_damaged_is_named() {
    let world = World::new();
    fs_err::create_dir_all(world.root().join("etc")).unwrap();
    fs_err::write(world.root().join("etc/client.json"), "{\"ulr\": 1}").unwrap();
    insta::assert_snapshot!(world.run(&["why", "my_db"]).shown());
}

#[test]
fn down_where_nothing_runs_is_fine() {
    insta::assert_snapshot!(World::new().run(&["down"]).shown());
}

#[test]
fn completion_knows_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = World::new().run(&["completion", shell]);
        assert_eq!(ran.code, Some(0));
        assert!(ran.stdout.contains("request"), "{shell}");
    }
}

#[test]
fn a_job_needs_no_home_and_no_folder() {
    let world = World::new();
    let mut command = world.command(&["internal", "job"]);
    let output = command.env_clear().output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("job"), "{text}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let world = World::new();
    let mut command = world.command(&["completion", "bash"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
}
